"""Between the exchange and httpx2: what the client of threads and that of coroutines share."""

import re

import httpx2

from service.client.errors import ArgumentError
from service.client.exchange import Lost, Reply


def server_url(url: str) -> httpx2.URL:
    """Check a server's address."""
    try:
        address = httpx2.URL(url)
    except httpx2.InvalidURL:
        address = httpx2.URL()
    # Names and ports that could never be right end in errors of sockets, which httpx2 lets through.
    names = address.host.rstrip(".").split(".")
    right = all(0 < len(name) < 64 for name in names) and (address.port or 1) < 65536
    if address.scheme not in ("http", "https") or not right:
        raise ArgumentError(
            f"url: expected one such as http://127.0.0.1:8000, found {url!r}; write the scheme and "
            "the host"
        )
    return address


def reply_of(response: httpx2.Response) -> Reply:
    """Take over what the exchange looks at."""
    return Reply(status=response.status_code, headers=response.headers, content=response.content)


def lost_with(error: httpx2.RequestError, url: httpx2.URL) -> Lost:
    """Word why there is no reply from the server at `url`, whose user and password stay out."""
    url = url.copy_with(username=None, password=None)
    if isinstance(error, httpx2.TimeoutException):
        sentence = (
            f"{url}: expected an answer in time, found none; give a longer timeout_seconds or "
            "fewer rows at once"
        )
        return Lost(sentence=sentence, timed_out=True)
    reason = re.sub(r"^\[Errno -?[0-9]+\] ", "", str(error)).rstrip(".") or type(error).__name__
    sentence = f"{url}: expected a server that answers, found: {reason}; is it running there?"
    return Lost(sentence=sentence, timed_out=False)
