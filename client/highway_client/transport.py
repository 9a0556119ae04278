"""Conversions from httpx2's URLs, responses and errors, shared by both clients."""

import re
from collections.abc import Mapping

import httpx2

from highway_client.attempts import Lost, Response
from highway_client.errors import ArgumentError


def server_url(url: str) -> httpx2.URL:
    """Check the URL of a server."""
    try:
        address = httpx2.URL(url)
    except httpx2.InvalidURL:
        address = httpx2.URL()
    # Impossible names and ports raise errors of the socket module, which httpx2 does not wrap.
    names = address.host.rstrip(".").split(".")
    valid = all(0 < len(name) < 64 for name in names) and (address.port or 1) < 65536
    if address.scheme not in ("http", "https") or not valid:
        raise ArgumentError(
            f"url: expected one such as http://127.0.0.1:8000, found {url!r}; write the scheme and "
            "the host"
        )
    return address


def key_headers(api_key: str | None) -> Mapping[str, str]:
    """Return the header of an API key."""
    if api_key is None:
        return {}
    if not re.fullmatch(r"[!-~]+", api_key):
        raise ArgumentError(
            "api_key: expected visible ASCII characters, found others; give the token that "
            "`highway key` showed"
        )
    return {"Authorization": f"Bearer {api_key}"}


def response_of(response: httpx2.Response) -> Response:
    """Convert a response of httpx2."""
    return Response(status=response.status_code, headers=response.headers, content=response.content)


def lost(error: httpx2.RequestError, url: httpx2.URL) -> Lost:
    """Convert an error of a request to `url`; its reason has neither the user nor the password."""
    url = url.copy_with(username=None, password=None)
    if isinstance(error, httpx2.TimeoutException):
        reason = f"{url}: no response in time; give a longer timeout_seconds or fewer rows at once"
        return Lost(reason=reason, timed_out=True)
    cause = re.sub(r"^\[Errno -?[0-9]+\] ", "", str(error)).rstrip(".") or type(error).__name__
    return Lost(
        reason=f"{url}: no connection: {cause}; is a server running there?", timed_out=False
    )
