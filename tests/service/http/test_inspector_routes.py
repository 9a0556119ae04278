import gzip
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from service.classifier import Classifier
from service.http.api_keys import new_key
from service.http.callers import Scope
from service.inspector.assets import STATIC
from service.inspector.swagger import FILES, swagger_release
from tests.service.conftest import Recipe, application
from tests.service.http.transport import Connection, Response, listening, request

# Written out, so that no rule is lost by mistake.
RULES = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
TRUSTED_TYPES = "require-trusted-types-for 'script'; trusted-types 'none'"
IMMUTABLE = "public, max-age=31536000, immutable"
SWAGGER = [f"/docs/{swagger_release()}/{name}" for name in FILES]


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with listening(application(Classifier(Recipe().build()))) as port:
        yield port


def get(port: int, path: str, method: str = "GET", **headers: str) -> Response:
    with Connection(port) as connection:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.send(request(method, path, b"", sent))
        return connection.receive(body=method != "HEAD")


def addresses(page: Response) -> list[str]:
    """Return the addresses of the page's files."""
    text = page.body.decode()
    return re.findall(r'(?:<link|<script)[^>]* (?:href|src)="([^"]*)"', text)


def only(response: Response, name: str) -> str:
    """Return a header that the response has once."""
    (value,) = response.headers.get_all(name)  # type: ignore[attr-defined]
    return str(value)


@pytest.mark.parametrize(
    ("path", "policy"), [("/", f"{RULES}; {TRUSTED_TYPES}"), ("/docs", RULES)], ids=["page", "docs"]
)
def test_a_page_has_strict_headers_each_once(port: int, path: str, policy: str) -> None:
    page = get(port, path)
    assert page.status == 200
    assert only(page, "content-type") == "text/html; charset=utf-8"
    assert only(page, "content-security-policy") == policy
    assert only(page, "cache-control") == "no-cache"
    assert only(page, "vary") == "Accept-Encoding"
    assert only(page, "x-content-type-options") == "nosniff"
    assert only(page, "referrer-policy") == "no-referrer"
    assert only(page, "cross-origin-opener-policy") == "same-origin"
    assert only(page, "cross-origin-resource-policy") == "same-origin"
    assert only(page, "permissions-policy") == "camera=(), geolocation=(), microphone=()"


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_every_file_of_a_page_is_there_and_can_be_kept(port: int, path: str) -> None:
    found = addresses(get(port, path))
    assert len(found) > 2
    for address in found:
        assert not address.startswith(("/", "http"))  # also behind a prefix of the path
        file = get(port, f"/{address}")
        assert file.status == 200, address
        assert only(file, "cache-control") == IMMUTABLE
        assert only(file, "vary") == "Accept-Encoding"
        assert only(file, "cross-origin-resource-policy") == "same-origin"
        assert file.body


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_a_browser_that_has_the_page_gets_304_with_the_same_rules(port: int, path: str) -> None:
    page = get(port, path)
    tag = only(page, "etag")
    for known in (tag, tag.removeprefix("W/"), f'"other", {tag}'):
        again = get(port, path, If_None_Match=known)
        assert again.status == 304
        assert "content-length" not in again.headers
        for name in ("etag", "cache-control", "content-security-policy", "vary"):
            assert only(again, name) == only(page, name)
    assert get(port, path, If_None_Match='W/"other"').status == 200


@pytest.mark.parametrize("path", ["/", "/docs", *SWAGGER])
def test_gzip_is_the_same_file(port: int, path: str) -> None:
    plain = get(port, path, Accept_Encoding="gzip;q=0, identity")
    assert "content-encoding" not in plain.headers
    packed = get(port, path, Accept_Encoding="gzip, deflate, br")
    assert only(packed, "content-encoding") == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert len(packed.body) < len(plain.body)


def test_head_has_the_headers_without_the_file(port: int) -> None:
    for path in ("/", "/docs", SWAGGER[1]):
        head, whole = get(port, path, "HEAD"), get(port, path)
        assert (head.status, head.body) == (200, b"")
        assert only(head, "content-length") == str(len(whole.body))


@pytest.mark.parametrize(
    "path",
    [
        "/inspector/0123456789abcdef/main.js",
        "/inspector/{digest}/never.js",
        "/inspector/{digest}/index.html",
        "/inspector/{digest}/docs/index.html",
        "/inspector/{digest}/../assets.py",
        "/inspector/{digest}/%2e%2e/assets.py",
        "/inspector/{digest}/",
        "/docs/0.0.0/swagger-ui.css",
        f"/docs/{swagger_release()}/favicon-32x32.png",
    ],
)
def test_another_file_or_release_is_404_with_a_sentence(port: int, path: str) -> None:
    digest = addresses(get(port, "/"))[0].split("/")[1]
    response = get(port, path.replace("{digest}", digest))
    assert response.status == 404
    assert response.error == "path: not found; if a page requested it, reload the page"
    assert only(response, "cache-control") == "no-store"


def test_another_method_is_405(port: int) -> None:
    response = get(port, "/", "POST", Content_Type="application/json")
    assert (response.status, response.error) == (405, "method: expected GET, HEAD, found POST")


def test_the_pages_need_no_key_but_their_data_does(tmp_path: Path) -> None:
    token, key = new_key("anna", [Scope.PREDICT])
    (tmp_path / "keys").write_text(key.line)
    app = application(Classifier(Recipe().build()), api_keys=tmp_path / "keys")
    with listening(app) as port:
        page = get(port, "/")
        paths = ["/", "/docs", *(f"/{address}" for address in addresses(page))]
        assert {get(port, path).status for path in paths} == {200}
        for path in ("/openapi.json", "/v2/models", "/v2/models/tiny"):
            assert get(port, path).status == 401
            assert get(port, path, Authorization=f"Bearer {token}").status == 200
        assert get(port, "/requests", Authorization=f"Bearer {token}").status == 403


def test_the_pages_can_be_switched_off() -> None:
    with TestClient(application(Classifier(Recipe().build()), inspector="off")) as client:
        for path in ("/", "/docs", "/inspector/0/main.js", "/docs/0/swagger-ui.css"):
            response = client.get(path)
            assert response.status_code == 404
            assert response.json() == {
                "error": "path: not found; GET /openapi.json lists all paths"
            }
        assert client.post("/what-if", json={"instance": [1, 0, 0, 0]}).status_code == 200


def test_a_server_without_models_has_the_page() -> None:
    with TestClient(application()) as client:
        page = client.get("/")
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert client.get("/v2/models").json() == {"models": []}


def test_the_pages_are_not_in_the_document_of_the_api(port: int) -> None:
    paths = get(port, "/openapi.json").json()["paths"]
    assert not {path for path in paths if path.startswith(("/docs", "/inspector"))}
    assert "/" not in paths


def test_the_static_files_are_data_of_the_package() -> None:
    project = (STATIC.parents[2] / "pyproject.toml").read_text()
    assert '"inspector/static/**"' in project
