"""API keys, scopes, hosts and headers over a real socket, on the direct path and the other one."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.classifier import Classifier
from service.errors import AuthenticationError, HostError, UnknownPathError
from service.http.access import Caller, Scope, create_access
from service.http.api_keys import new_key
from service.http.callers import OPEN_SCOPES
from service.http.response_encoding import PAGE_HEADERS
from service.ledger.store import Store
from service.ledger.write_buffer import TOO_SLOW, Gap, WriteBatch
from service.settings import Settings, SettingsError
from tests.service.conftest import Recipe, application
from tests.service.http.test_ledger_routes import until_written
from tests.service.http.transport import (
    BOTH_PATHS,
    JSON,
    ROW,
    Connection,
    Send,
    label,
    listening,
    over_socket,
    request,
)
from tests.service.ledger.conftest import database_of

PREDICT_TOKEN, PREDICT_KEY = new_key("ci", [Scope.PREDICT])
ALL_TOKEN, ALL_KEY = new_key("ops", Scope)
BEARER = {**JSON, "Authorization": f"Bearer {PREDICT_TOKEN}"}
ALL = {"Authorization": f"Bearer {ALL_TOKEN}"}
LOAD = "/v2/repository/models/tiny/load"


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    path.write_text(f"{PREDICT_KEY.line}\n{ALL_KEY.line}\n")
    return path


@pytest.fixture
def port_with_keys(keys: Path) -> Iterator[int]:
    with listening(application(Classifier(Recipe().build()), api_keys=keys)) as port:
        yield port


@pytest.fixture
def send(port_with_keys: int) -> Send:
    return over_socket(port_with_keys)


@BOTH_PATHS
def test_a_key_is_sent_in_either_header(send: Send, path: str) -> None:
    assert label(send("POST", path, ROW, BEARER)) == "a"
    assert label(send("POST", path, ROW, {**JSON, "X-API-Key": PREDICT_TOKEN})) == "a"
    proxy = {**JSON, "Authorization": "Basic abc", "X-API-Key": PREDICT_TOKEN}
    assert label(send("POST", path, ROW, proxy)) == "a"


@BOTH_PATHS
def test_a_request_without_a_valid_key_is_401_and_says_how_to_send_one(
    send: Send, path: str
) -> None:
    response = send("POST", path, ROW)
    assert (response.status, response.error) == (
        401,
        "API key: expected one in the header Authorization or X-API-Key, found none",
    )
    assert response.headers["www-authenticate"] == 'Bearer realm="highway-networks"'
    response = send("POST", path, ROW, {**JSON, "Authorization": "Bearer SECRET"})
    assert (response.status, response.error) == (
        401,
        "API key: expected a valid one, found another; check the key",
    )
    assert response.headers["www-authenticate"] == 'Bearer realm="highway-networks"'


def test_a_missing_scope_is_403_and_is_named(send: Send) -> None:
    response = send("GET", "/metrics", b"", BEARER)
    assert (response.status, response.error) == (
        403,
        "API key: expected one with the scope inspect for this path",
    )
    response = send("POST", LOAD, b"", BEARER)
    assert (response.status, response.error) == (
        403,
        "API key: expected one with the scope admin for this path",
    )
    assert send("GET", "/metrics", b"", ALL).status == 200


def test_health_needs_no_key(send: Send) -> None:
    for path in ("/v2/health/live", "/v2/health/ready"):
        assert send("GET", path, b"", {}).status == 200
        assert send("GET", path, b"", {"X-API-Key": "wrong"}).status == 200


@BOTH_PATHS
def test_wrong_keys_are_limited_and_right_ones_are_not(send: Send, path: str) -> None:
    wrong = {**JSON, "X-API-Key": "wrong"}
    assert [send("POST", path, ROW, wrong).status for _ in range(10)] == [401] * 10
    response = send("POST", path, ROW, wrong)
    assert (response.status, response.error) == (
        429,
        "API key: expected at most 10 wrong keys in a minute, found more; check the key",
    )
    assert 50 < int(response.headers["retry-after"]) <= 60
    assert label(send("POST", path, ROW, BEARER)) == "a"
    assert send("POST", path, ROW).status == 401  # no key is no attempt


@BOTH_PATHS
def test_a_revoked_key_ends_on_an_open_connection_within_a_second(
    port_with_keys: int, keys: Path, path: str
) -> None:
    with Connection(port_with_keys) as connection:
        send = request(path=path, headers=BEARER)
        assert label(connection.send(send).receive()) == "a"
        keys.write_text(ALL_KEY.line)
        time.sleep(0.6)
        assert connection.send(send).receive().status == 401


def test_a_refused_request_is_answered_in_its_place_and_its_body_is_skipped(
    port_with_keys: int,
) -> None:
    packet = b"".join(request(headers=headers) for headers in (BEARER, JSON, BEARER))
    with Connection(port_with_keys) as connection:
        connection.send(packet)
        assert [connection.receive().status for _ in range(3)] == [200, 401, 200]


@BOTH_PATHS
def test_without_keys_everybody_has_predict_and_inspect_but_not_admin(port: int, path: str) -> None:
    send = over_socket(port)
    assert label(send("POST", path, ROW)) == "a"
    assert send("GET", "/ledger").status == 200
    response = send("POST", LOAD)
    assert (response.status, response.error) == (
        403,
        "this path needs an API key with the scope admin; the server has no API keys",
    )


def test_a_path_without_a_rule_does_not_exist_for_others_than_admin(send: Send, port: int) -> None:
    not_found = "path: not found; GET /openapi.json lists all paths"
    assert send("GET", "/never", b"", {}).status == 401
    for response in (
        send("GET", "/never", b"", BEARER),
        send("GET", "/never", b"", ALL),
        over_socket(port)("GET", "/never", b"", {}),
    ):
        assert (response.status, response.error) == (404, not_found)


@pytest.mark.parametrize("path", ["/predict", "/predict?asgi", "/v2/health/live", "/requests"])
def test_a_page_that_rebinds_its_name_is_refused(path: str) -> None:
    app = application(Classifier(Recipe().build()), allowed_hosts=None)
    with listening(app) as port, Connection(port) as connection:
        sent = request(path=path) if "predict" in path else request("GET", path, b"", {})
        connection.send(sent.replace(b"Host: localhost", b"Host: evil.example:8000"))
        response = connection.receive()
        assert (response.status, response.error) == (
            421,
            "Host: expected a name of this server; add the name to HIGHWAY_ALLOWED_HOSTS",
        )
        assert connection.send(sent).receive().status in (200, 404)


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/predict"), ("POST", "/predict?x"), ("GET", "/never"), ("GET", "/v2/health/live")],
)
def test_every_response_forbids_guessing_and_storing(port: int, method: str, path: str) -> None:
    response = over_socket(port)(method, path, ROW if method == "POST" else b"")
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cache-control"] == "no-store"


CORS = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
SENT = {
    400: request("GET", "/requests?limit=x", b"", {"X-API-Key": "TOKEN"}),
    401: request("GET", "/v2/models", b"", {}),
    403: request("POST", "/v2/repository/models/tiny/load", b"", {"X-API-Key": "TOKEN"}),
    404: request("GET", "/never", b"", {"X-API-Key": "TOKEN"}),
    405: request("DELETE", "/predict", b"", {"X-API-Key": "TOKEN"}),
    413: request(
        "POST", "/predict", b"", {**JSON, "X-API-Key": "TOKEN", "Content-Length": "9999999"}
    ),
    414: b"GET /%b HTTP/1.1\r\nHost: localhost\r\n\r\n" % (b"x" * 9000),
    415: request("POST", "/predict", ROW, {"X-API-Key": "TOKEN"}),
    421: b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    431: request("GET", "/", b"", {f"x-{n}": "" for n in range(101)}),
    501: request("POST", "/predict", ROW, {"Transfer-Encoding": "gzip"}),
    204: request("OPTIONS", "/predict", b"", CORS),
    200: request("GET", "/v2/models", b"", {"X-API-Key": "TOKEN"}),
}


def test_every_status_has_the_headers_for_pages_once(tmp_path: Path) -> None:
    """All but outputs: a browser that opens a response may run, load and frame nothing."""
    token, key = new_key("anna", [Scope.PREDICT, Scope.INSPECT])
    (tmp_path / "keys").write_text(key.line)
    settings: dict[str, Any] = {
        "allowed_hosts": "localhost",
        "cors_origins": "https://shop.example",
    }
    app = application(Classifier(Recipe().build()), api_keys=tmp_path / "keys", **settings)
    seen = {}
    with listening(app) as port:
        for status, sent in SENT.items():
            with Connection(port) as connection:
                response = connection.send(sent.replace(b"TOKEN", token.encode())).receive()
            seen[status] = response.status
            headers: Any = response.headers
            expected = [("x-content-type-options", "nosniff"), ("cache-control", "no-store")]
            expected += [(name.decode(), value.decode()) for name, value in PAGE_HEADERS]
            for name, value in expected:
                assert headers.get_all(name) == [value], (status, name)
    assert seen == {status: status for status in SENT}


def test_malformed_http_gets_the_same_headers(port: int) -> None:
    with Connection(port) as connection:
        response = connection.send(b"x\r\n\r\n").receive()
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cache-control"] == "no-store"


def status_of_ledger(send: Send, headers: dict[str, str]) -> Any:
    return json.loads(send("GET", "/ledger", b"", headers).body)


def test_only_admin_sees_where_the_ledger_is(tmp_path: Path, keys: Path) -> None:
    inspect_token, inspect_key = new_key("analyst", [Scope.INSPECT])
    keys.write_text(f"{keys.read_text()}{inspect_key.line}\n")
    inspect = {"X-API-Key": inspect_token}
    (tmp_path / "file").touch()
    url = f"sqlite:///{tmp_path}/file/ledger.db"  # a folder is expected, so that it cannot be used
    app = application(Classifier(Recipe().build()), api_keys=keys, ledger_url=url)
    with listening(app) as port:
        send = over_socket(port)
        while (seen := status_of_ledger(send, ALL))["state"] != "unavailable":
            time.sleep(0.02)
        assert (seen["database"], seen["url"]) == ("sqlite", url)
        assert str(tmp_path) in seen["last_error"]
        shown = status_of_ledger(send, inspect)
        assert (shown["database"], shown["url"]) == ("sqlite", None)
        assert shown["last_error"] == (
            "the database is unavailable; the server's log has the reason"
        )
        for path in ("/ledger", "/requests", "/requests/x", "/requests.parquet"):
            assert str(tmp_path).encode() not in send("GET", path, b"", inspect).body


def test_only_admin_sees_the_reason_of_a_gap(tmp_path: Path, keys: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    store = Store(database_of(url))
    reason = f"{tmp_path}/ledger.db: Permission denied"
    now = time.time_ns() // 1000
    gaps = Gap(now - 9, now - 8, 1, reason), Gap(now - 7, now - 6, 1, TOO_SLOW)
    store.send(WriteBatch(1, None, gaps))
    store.close()
    app = application(Classifier(Recipe().build()), ledger_url=url)
    with listening(app) as port:
        send = over_socket(port)
        send("POST", "/predict", ROW)
        until_written(send, 1)
        for path in ("/ledger", "/requests"):
            reasons = [gap["reason"] for gap in send("GET", path).json()["gaps"]]
            assert reasons == [
                TOO_SLOW,
                "the database is unavailable; the server's log has the reason",
            ]
    app = application(Classifier(Recipe().build()), ledger_url=url, api_keys=keys)
    with listening(app) as port:
        shown = over_socket(port)("GET", "/requests", b"", ALL).json()["gaps"]
        assert [gap["reason"] for gap in shown] == [TOO_SLOW, reason]


def test_a_caller_has_the_name_of_its_key_else_its_address(keys: Path) -> None:
    open_access = create_access(Settings(allowed_hosts="*"))
    assert open_access.check(b"POST", b"/predict", {}, "10.0.0.1") == Caller(
        "10.0.0.1", OPEN_SCOPES
    )
    access = create_access(Settings(allowed_hosts="*", api_keys=keys), {b"/predict"})
    headers = {b"x-api-key": PREDICT_TOKEN.encode()}
    assert access.check(b"POST", b"/predict", headers, "10.0.0.1") == PREDICT_KEY.caller
    assert access.check(b"GET", b"/v2/health/live", {}, "10.0.0.1") == Caller(
        "10.0.0.1", frozenset()
    )


def test_the_authority_of_an_absolute_target_replaces_the_host() -> None:
    access = create_access(Settings())
    headers = {b"host": b"localhost"}
    access.check(b"GET", b"http://[::1]:8000/ledger", headers, "127.0.0.1")
    access.check(b"GET", b"/ledger", {}, "127.0.0.1")  # HTTP/1.0 may omit it
    with pytest.raises(HostError):
        access.check(b"GET", b"http://evil.example/ledger", headers, "127.0.0.1")


@pytest.mark.parametrize("target", [b"predict", b"*", b"http://localhost", b"/%0a", b"", b"//"])
def test_a_malformed_target_is_nobodys(keys: Path, target: bytes) -> None:
    access = create_access(Settings(allowed_hosts="*", api_keys=keys))
    with pytest.raises(AuthenticationError):
        access.check(b"GET", target, {}, "10.0.0.1")
    with pytest.raises(UnknownPathError):
        access.check(b"GET", target, {b"x-api-key": PREDICT_TOKEN.encode()}, "10.0.0.1")


def test_an_invalid_file_of_keys_is_an_error_of_its_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as error:
        create_access(Settings(api_keys=tmp_path / "none"))
    assert str(error.value) == (
        f"HIGHWAY_API_KEYS: {tmp_path}/none: expected a file of API keys, found No such file or "
        "directory"
    )
