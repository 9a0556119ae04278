"""Responses with a static file: compressed for clients that accept it, and not sent twice."""

import re
from collections.abc import Mapping

from fastapi import Request, Response

from service.inspector.assets import Asset

# Its address names its content, so that a browser may keep it.
FILE_HEADERS = {"Cache-Control": "public, max-age=31536000, immutable"}

_CODING = re.compile(r"\s*([\w-]+|\*)\s*(?:;\s*q\s*=\s*([\d.]+)\s*)?")


def file_response(request: Request, asset: Asset) -> Response:
    """Return a file that never changes at its address."""
    return _response(request, asset, FILE_HEADERS)


def page_response(request: Request, asset: Asset, policy: str) -> Response:
    """Return a page with its content security policy, or 304 if the browser has it."""
    headers = {
        "Cache-Control": "no-cache",  # keep it, but validate it each time
        "Content-Security-Policy": policy,
        "ETag": asset.etag,
    }
    known = re.findall(r'"[^"]*"', request.headers.get("if-none-match", ""))
    if asset.etag.removeprefix("W/") in known:
        # A browser takes the headers of a 304 as those of the page that it has.
        return Response(status_code=304, headers={**headers, "Vary": "Accept-Encoding"})
    return _response(request, asset, headers)


def accepts_gzip(accept_encoding: str) -> bool:
    """Return whether a header Accept-Encoding allows gzip, as RFC 9110, section 12.5.3 says."""
    weights = {}
    for text in accept_encoding.lower().split(","):
        coding = _CODING.fullmatch(text)
        if coding is not None:
            weights[coding[1]] = _weight(coding[2])
    return weights.get("gzip", weights.get("*", 0)) > 0


def _response(request: Request, asset: Asset, headers: Mapping[str, str]) -> Response:
    content, encoding = asset.content, {}
    if accepts_gzip(request.headers.get("accept-encoding", "")):
        content, encoding = asset.compressed, {"Content-Encoding": "gzip"}
    return Response(
        content,
        media_type=asset.media_type,
        headers={**headers, "Vary": "Accept-Encoding", **encoding},
    )


def _weight(text: str | None) -> float:
    try:
        return 1 if text is None else float(text)
    except ValueError:  # such as 1.2.3
        return 0
