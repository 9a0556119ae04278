"""Every route of OpenAPI × scope × form of its path, over a real socket."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

import pytest
from fastapi import FastAPI
from starlette.routing import Match

from service.classifier import Classifier
from service.http import failed_attempts
from service.http.access_rules import NO_RULE, NOWHERE, OPEN, RULES, AccessRules, read_target
from service.http.api_keys import new_key
from service.http.callers import Scope
from service.settings import Settings
from tests.service.conftest import Recipe, application
from tests.service.http.test_ledger_routes import until_written
from tests.service.http.transport import ROW, Connection, Response, listening

# The routes that OpenAPI omits, and those of the settings.
FILES = ("/inspector/{digest}/{path}", "/docs/{release}/{file}")
UNDOCUMENTED = {path: ["get"] for path in ("/openapi.json", "/v2/", "/", "/docs", *FILES)}
OWN_RULES: dict[str, Scope | None] = {"/invocations": Scope.PREDICT, "/ping": OPEN}
NAMES = {
    **{"name": "tiny", "version": "1", "id": "known"},
    **{"digest": "0123", "path": "main.js", "release": "1.0", "file": "swagger-ui.css"},
}
KEYS: dict[str, tuple[Scope, ...]] = {
    **{scope.value: (scope,) for scope in Scope},
    "all": tuple(Scope),
}
TOKENS = {name: new_key(name, scopes) for name, scopes in KEYS.items()}
HEADERS = {
    "none": "",
    "wrong": "Authorization: Bearer wrong\r\n",
    "predict": f"X-API-Key: {TOKENS['predict'][0]}\r\n",
    **{name: f"Authorization: Bearer {TOKENS[name][0]}\r\n" for name in ("inspect", "admin")},
    "all": f"authorization: bearer  {TOKENS['all'][0]} \r\n",
}
CLOSE_AND_ID = "Connection: close\r\nX-Request-Id: known\r\n"
FORMS = {
    "plain": "{}",
    "escaped": None,  # its second character
    "absolute": "http://localhost{}",
    "query": "{}?x",
    "trailing slash": "{}/",
    "double slash": "/{}",
    "upper case": None,
    "newline": "{}%0a",
}


def make_application(folder: Path) -> FastAPI:
    lines = [key.line for _, key in TOKENS.values()]
    (folder / "keys").write_text("\n".join(lines))
    return application(
        Classifier(Recipe().build()),
        ledger_url=f"sqlite:///{folder}/ledger.db",
        api_keys=folder / "keys",
        predict_route="/invocations",
        health_route="/ping",
    )


class Server(NamedTuple):
    """A server with keys for each scope, and its application."""

    app: FastAPI
    port: int

    def statuses(self, *requests: str) -> list[int]:
        """Send requests in one packet, the last with Connection: close; return their statuses."""
        with Connection(self.port) as connection:
            received = connection.send("".join(requests).encode()).rest()
        return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", received)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    app = make_application(tmp_path_factory.mktemp("access"))
    with pytest.MonkeyPatch.context() as patch, listening(app) as port:
        patch.setattr(failed_attempts, "MAX_ATTEMPTS", 10**9)
        made = Server(app, port)
        assert made.statuses(encode("POST", "/predict", "all", CLOSE_AND_ID)) == [200]

        def send(_method: str, path: str) -> Response:
            with Connection(port) as connection:
                return connection.send(encode("GET", path, "all").encode()).receive()

        until_written(send, 1)
        yield made


def encode(method: str, target: str, caller: str, more: str = "Connection: close\r\n") -> str:
    body = ROW.decode() if method == "POST" else ""
    return (
        f"{method} {target} HTTP/1.1\r\nHost: localhost\r\n{HEADERS[caller]}{more}"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    )


def routes(app: FastAPI) -> Iterator[Any]:
    """Yield the routes in the router's order."""
    for route in app.routes:
        yield from getattr(getattr(route, "original_router", None), "routes", [route])


def template(route: Any) -> str:
    """Return the path of a route without converters that match less than a path segment."""
    return re.sub(r":(?!path})\w+}", "}", route.path)


def operations(app: FastAPI) -> list[tuple[str, str]]:
    """Return method and path of every operation, with real names."""
    paths = {**app.openapi()["paths"], **UNDOCUMENTED}
    return [(m.upper(), p.format(**NAMES)) for p, methods in paths.items() for m in methods]


def needed(app: FastAPI, method: str, target: str) -> tuple[Scope | None, bool]:
    """Return the scope of the route that the router chooses, and whether there is one.

    The router would take a path that ends in a newline, but no caller may call it.
    """
    if target.endswith("%0a"):
        return Scope.ADMIN, False
    url = target.removeprefix("http://localhost").partition("?")[0]
    scope = {"type": "http", "path": unquote(url), "method": method, "root_path": ""}
    for route in routes(app):
        if route.matches(scope)[0] is not Match.NONE:
            rules = {**RULES, **OWN_RULES}
            return rules[template(route)], True
    return Scope.ADMIN, False


def targets(path: str) -> Iterator[str]:
    for form in FORMS.values():
        if form is not None:
            yield form.format(path)
    if path != "/":
        yield f"{path[0]}%{ord(path[1]):02x}{path[2:]}"
    yield path.upper()


def test_every_route_has_a_rule_and_every_rule_a_route(server: Server) -> None:
    assert {template(route) for route in routes(server.app)} == {*RULES, *OWN_RULES}


def test_the_rules_are_those_of_the_documentation() -> None:
    opened = {path for path, scope in RULES.items() if scope is OPEN}
    assert opened == {
        *("/v2/health/live", "/v2/health/ready"),
        *("/", "/inspector/{digest}/{path:path}", "/docs", "/docs/{release}/{file}"),
    }
    assert {path for path, scope in RULES.items() if scope is Scope.ADMIN} == {
        "/v2/repository/models/{name}/load",
        "/v2/repository/models/{name}/unload",
    }
    assert {path for path, scope in RULES.items() if scope is Scope.INSPECT} == {
        *("/requests", "/requests.parquet", "/requests/{id:path}"),
        *("/requests/{id:path}/predict", "/requests/{id:path}/explain"),
        *("/requests/{id:path}/what-if", "/requests/{id:path}/flag"),
        *("/ledger", "/drift", "/metrics", "/v2/models/stats", "/v2/models/{name}/stats"),
        "/v2/models/{name}/versions/{version}/stats",
    }


@pytest.mark.parametrize("caller", HEADERS)
@pytest.mark.parametrize("pipelined", [False, True], ids=["alone", "pipelined"])
def test_each_cell_has_the_status_of_its_rule(server: Server, caller: str, pipelined: bool) -> None:
    cells = 0
    before = encode("GET", "/v2/health/live", "none", more="")
    for method, path in operations(server.app):
        for verb in (method, "HEAD") if method == "GET" else (method,):
            for target in targets(path) if not pipelined else [path, f"{path}?x"]:
                request = encode(verb, target, caller)
                if pipelined:
                    first, status = server.statuses(before, request)
                    assert first == 200
                else:
                    (status,) = server.statuses(request)
                scope, routed = needed(server.app, verb, target)
                in_ledger = "requests/" in unquote(target)  # of an unknown id
                cell = f"{caller}: {verb} {target} -> {status}"
                if routed and scope is OPEN:
                    of_page = unquote(target).removeprefix("http://localhost")
                    is_file = of_page.startswith(("/inspector/", "/docs/"))  # of another release
                    assert status in ((404,) if is_file else (200, 405)), cell
                elif caller in ("none", "wrong"):
                    assert status == 401, cell
                elif scope not in KEYS[caller]:
                    assert status == (403 if routed else 404), cell
                else:
                    assert status not in (401, 403, 421, 429), cell
                    assert (status == 404) is not routed or in_ledger, cell
                cells += 1
    assert cells > (60 if pipelined else 250)


SNIPPETS = ("%0a", "%2f", "%00", "/", "//", "/./", "/../", "%2e%2e/", ";x", "%c3", "%", "\\", "A")


def test_no_form_of_a_path_needs_less_than_the_route_that_the_router_chooses(
    tmp_path: Path,
) -> None:
    app = make_application(tmp_path)
    rules = AccessRules(Settings(predict_route="/invocations", health_route="/ping"))
    seen = 0
    for path in {path for _, path in operations(app)}:
        for position in range(len(path) + 1):
            for snippet in SNIPPETS:
                target = f"{path[:position]}{snippet}{path[position:]}"
                decoded, _ = read_target(target.encode())
                if decoded is None:
                    continue
                scope, routed = needed(app, "GET", target)
                rule = rules.rule(decoded)
                if routed:
                    assert rule is NOWHERE or rule.scope is scope, target
                else:
                    assert rule in (NOWHERE, NO_RULE) or target.endswith("%0a"), target
                seen += 1
    assert seen > 5000
