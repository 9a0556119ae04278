"""The client's tags of a request, from the header `X-Tags`."""

import re

from service.errors import BodyError

TAGS = b"x-tags"
MOST = 16
LONGEST = 64

_TAG = re.compile(rb"[A-Za-z0-9._:=/@-]{1,64}")
_CHARACTERS = f"1 to {LONGEST} letters, digits or . _ : = / @ -"


def read_tags(text: bytes) -> tuple[str, ...]:
    """Read `customer=acme, canary`, each tag once; what is none is a `BodyError`."""
    tags = [tag.strip(b" \t") for tag in text.split(b",")]
    if len(tags) > MOST:
        raise BodyError(f"X-Tags: expected at most {MOST} tags, found {len(tags)}")
    if not all(map(_TAG.fullmatch, tags)):
        raise BodyError(
            f"X-Tags: expected tags with commas between, each {_CHARACTERS}; found another"
        )
    return tuple(dict.fromkeys(tag.decode() for tag in tags))


def is_tag(text: str) -> bool:
    """Say whether a request could have this tag."""
    return text.isascii() and _TAG.fullmatch(text.encode()) is not None
