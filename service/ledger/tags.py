"""The client's tags of a request, from the header `X-Tags`."""

import re

from service.errors import BodyError

TAGS = b"x-tags"
MAX_TAGS = 16
TAG_PATTERN = "^[A-Za-z0-9._:=/@-]{1,64}$"


def read_tags(header: bytes) -> tuple[str, ...]:
    """Read `customer=acme, canary` without duplicates; a malformed tag is a `BodyError`."""
    tags = [tag.strip(" \t") for tag in header.decode("latin-1").split(",")]
    if len(tags) > MAX_TAGS:
        raise BodyError(f"X-Tags: expected at most {MAX_TAGS} tags, found {len(tags)}")
    if not all(re.fullmatch(TAG_PATTERN, tag) for tag in tags):
        raise BodyError(
            "X-Tags: expected comma-separated tags, each of 1 to 64 letters, digits or "
            ". _ : = / @ -"
        )
    return tuple(dict.fromkeys(tags))
