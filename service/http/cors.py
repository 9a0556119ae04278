"""Requests of pages in a browser: which origins may send them and read the responses.

Browsers send `Origin` or `Sec-Fetch-Site`; other clients send neither, and nothing here concerns
them. Credentials of the browser (cookies) are never allowed: an API key is a header.
"""

from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope

from service.errors import OriginError
from service.http.endpoints import Header, Headers

ANY = "*"
ORIGIN = b"origin"
SITE = b"sec-fetch-site"
SAFE_METHODS = (b"GET", b"HEAD", b"OPTIONS")  # they change nothing

ALLOWED_HEADERS = (
    b"authorization, content-type, inference-header-content-length, traceparent, x-api-key, "
    b"x-deadline-ms, x-request-id, x-tags"
)
EXPOSED_HEADERS = b"inference-header-content-length, retry-after, server-timing, x-request-id"
VARY: Header = (b"vary", b"origin")
PREFLIGHT_HEADERS: tuple[Header, ...] = (
    (b"access-control-allow-methods", b"DELETE, GET, HEAD, POST"),
    (b"access-control-allow-headers", ALLOWED_HEADERS),
    (b"access-control-max-age", b"600"),
)

_ERROR = (
    "Origin: expected this server's own or an allowed one; add the page's origin to "
    "HIGHWAY_CORS_ORIGINS"
)


class Origins:
    """The origins that are allowed besides the server's own."""

    def __init__(self, origins: str | None) -> None:
        """Allow comma-separated `origins`, `*` for any, None for no other."""
        self.allowed = frozenset((origins or "").lower().encode().split(b",")) - {b""}
        self._any = ANY.encode() in self.allowed

    def check(self, method: bytes, headers: Headers, forwarded_host: bytes | None = None) -> None:
        """Raise `OriginError` for a request of a page of another origin that is not allowed.

        The server's own origin is that of the header Host, or of the host that a proxy forwarded.

        Some requests need no preflight: those without a media type, for example. A page cannot
        read the response, but its request would be computed and recorded. The rule is that of
        Go's `net/http.CrossOriginProtection`.
        """
        origin, site = headers.get(ORIGIN), headers.get(SITE)
        if self.allows(origin):
            return
        if is_preflight(method, headers):
            raise OriginError(_ERROR)
        if method in SAFE_METHODS:
            return
        if site is not None:
            if site not in (b"same-origin", b"none"):
                raise OriginError(_ERROR)
        elif origin is not None and origin.partition(b"://")[2] not in (
            headers.get(b"host"),
            forwarded_host,
        ):
            raise OriginError(_ERROR)

    def allows(self, origin: bytes | None) -> bool:
        """Return whether the origin is in the list."""
        return origin is not None and (self._any or origin in self.allowed)

    def response_headers(self, headers: Headers) -> tuple[Header, ...]:
        """Return the headers by which a page of an allowed origin may read the response."""
        origin = headers.get(ORIGIN)
        if origin is None or not self.allows(origin):
            return (VARY,)
        allowed = ANY.encode() if self._any else origin
        return (
            (b"access-control-allow-origin", allowed),
            (b"access-control-expose-headers", EXPOSED_HEADERS),
            VARY,
        )


def is_preflight(method: bytes, headers: Headers) -> bool:
    """Return whether a browser requests permission before it sends the request itself."""
    return (
        method == b"OPTIONS" and ORIGIN in headers and b"access-control-request-method" in headers
    )


class PreflightMiddleware:
    """ASGI middleware that responds to preflights; `Access` has checked their origin."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Respond to a preflight; pass other requests on."""
        if scope["type"] != "http" or not is_preflight(
            scope["method"].encode(), dict(scope["headers"])
        ):
            await self._app(scope, receive, send)
            return
        headers = list(PREFLIGHT_HEADERS)
        await send({"type": "http.response.start", "status": 204, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
