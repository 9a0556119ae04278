"""Which scope each path needs: one table for all routes; a path without a rule needs admin."""

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote

import httptools
from starlette.routing import compile_path

from service.http.callers import Scope
from service.settings import Settings

OPEN = None  # the scope of the paths that everybody may call

# The paths as the routes have them; the methods of a path need the same scope.
RULES: Mapping[str, Scope | None] = {
    **dict.fromkeys(("/v2/health/live", "/v2/health/ready"), OPEN),
    # Pages without data; what they show, they request with the reader's key.
    **dict.fromkeys(
        ("/", "/inspector/{digest}/{path:path}", "/docs", "/docs/{release}/{file}"), OPEN
    ),
    **dict.fromkeys(
        (
            *(
                "/predict",
                "/explain",
                "/what-if",
                "/openapi.json",
                "/v2",
                "/v2/",
                "/v2/repository/index",
            ),
            *("/v1/models/{name}:predict", "/v1/models/{name}/versions/{version}:predict"),
            *("/v1/models/{name}:explain", "/v1/models/{name}/versions/{version}:explain"),
            *("/v1/models/{name}", "/v2/models"),
            *("/v2/models/{name}/infer", "/v2/models/{name}/versions/{version}/infer"),
            *("/v2/models/{name}/what-if", "/v2/models/{name}/versions/{version}/what-if"),
            *("/v2/models/{name}/ready", "/v2/models/{name}/versions/{version}/ready"),
        ),
        Scope.PREDICT,
    ),
    **dict.fromkeys(
        (
            *("/requests", "/requests.parquet", "/ledger", "/drift", "/metrics"),
            *("/requests/{id:path}/predict", "/requests/{id:path}/explain"),
            "/requests/{id:path}/what-if",
            *("/requests/{id:path}/flag", "/requests/{id:path}"),
            *("/v2/models/stats", "/v2/models/{name}/stats"),
            "/v2/models/{name}/versions/{version}/stats",
        ),
        Scope.INSPECT,
    ),
    # After "/v2/models/stats", which would match "stats" as a name.
    **dict.fromkeys(
        ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"),
        Scope.PREDICT,
    ),
    **dict.fromkeys(
        ("/v2/repository/models/{name}/load", "/v2/repository/models/{name}/unload"),
        Scope.ADMIN,
    ),
}


class Target(NamedTuple):
    """A request target: its path as the router sees it, and the authority of an absolute form.

    `path` is None if the target is malformed.
    """

    path: str | None
    authority: bytes | None


class Rule(NamedTuple):
    """The scope that a path needs, None for none; `named` unless no rule has the path."""

    scope: Scope | None
    named: bool = True


NO_RULE = Rule(Scope.ADMIN, named=False)
NOWHERE = Rule(Scope.ADMIN, named=False)  # a path that no caller may call


class AccessRules:
    """The rules of one server, which may have two additional paths."""

    def __init__(self, settings: Settings) -> None:
        rules = dict(RULES)
        if settings.predict_route is not None:
            rules[settings.predict_route] = Scope.PREDICT
        if settings.health_route is not None:
            rules[settings.health_route] = OPEN
        if settings.root_path is not None:  # it redirects to the page
            rules[settings.root_path] = OPEN
        self._exact = {path: Rule(scope) for path, scope in rules.items() if "{" not in path}
        self._patterns = [
            (compile_path(path)[0], Rule(scope)) for path, scope in rules.items() if "{" in path
        ]

    def rule(self, path: str | None) -> Rule:
        """Return the rule of a decoded path.

        A pattern's `$` also matches before a final newline: the router takes `/v2/models/stats%0A`
        for the statistics, but these rules for the metadata of a model.
        """
        if path is None or "\n" in path:
            return NOWHERE
        if path in self._exact:
            return self._exact[path]
        return next((rule for pattern, rule in self._patterns if pattern.match(path)), NO_RULE)


def read_target(target: bytes) -> Target:
    """Decode a request target exactly as uvicorn does for the router."""
    try:
        url = httptools.parse_url(target)
    except httptools.HttpParserInvalidURLError:
        return Target(None, None)
    path = None if url.path is None else unquote(url.path.decode("ascii"))
    if url.host is None:
        return Target(path, None)
    authority = url.host if b":" not in url.host else b"[%b]" % url.host
    return Target(path, authority)
