"""JSON documents: parsed by simdjson, which leaves numbers in its buffer, written by orjson."""

from collections.abc import Mapping
from typing import Any

import orjson
import simdjson

from service.errors import BodyError, BodyTooLargeError

JSON = "application/json"

# Of one call of the parser: it takes up to 2 ms. The parser keeps ten times this memory.
MAX_TEXT_BYTES = 1 << 18
MAX_MEMBERS = 64  # of an object: reading their names takes 0.1 µs each, a million 0.2 s
INVALID_JSON = "body: invalid JSON; numbers must fit 64 bits, and NaN and Infinity are not allowed"

# All errors of simdjson for text that is not JSON by RFC 8259, including NaN and 1e400.
_PARSE_ERRORS = (ValueError, RuntimeError, UnicodeDecodeError)

Members = Mapping[str, Any]

_parser = simdjson.Parser()


def encode(value: object) -> bytes:
    """Write JSON; numpy arrays and numbers need no conversion to lists."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


def parse_object(
    text: bytes,
    *names: str,
    parser: simdjson.Parser | None = None,
    max_bytes: int = MAX_TEXT_BYTES,
) -> Members:
    """Read the named members of a JSON object; other text is a `BodyError`.

    Read the lists and objects among them before the next call without a `parser` of its own: it may
    reuse their memory. A text of more than `max_bytes` is a `BodyTooLargeError`.
    """
    check_length(len(text), max_bytes)
    document = parse(text, parser)
    if not isinstance(document, simdjson.Object):
        raise BodyError(f"body: expected a JSON object, found {kind_of(document)}")
    return members(document, *names)


def check_length(length: int, max_bytes: int = MAX_TEXT_BYTES) -> None:
    """Raise `BodyTooLargeError` for JSON that takes too long to parse."""
    if length > max_bytes:
        raise BodyTooLargeError(
            f"body: expected at most {max_bytes} bytes of JSON beside lists of rows, found more"
        )


def parse(text: bytes, parser: simdjson.Parser | None = None) -> Any:
    """Parse JSON; other text is a `BodyError`. Without a `parser` it is the shared one."""
    try:
        return _parse(text) if parser is None else parser.parse(text)
    except _PARSE_ERRORS as error:
        raise BodyError(INVALID_JSON) from error


def members(item: simdjson.Object, *names: str) -> Members:
    """Return those of the named members that an object has; too many members are a `BodyError`.

    simdjson searches for each name from the first member on, and a search for a missing name takes
    ten times as long; so only names that are present are looked up.
    """
    if len(item) > MAX_MEMBERS:
        raise BodyError(
            f"body: expected objects of at most {MAX_MEMBERS} members, found one of {len(item)}"
        )
    present = set(item)
    return {name: item[name] for name in names if name in present}


def kind_of(value: Any) -> str:
    """Name the JSON type of a value, for messages that must not repeat the value itself."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "an object" if isinstance(value, simdjson.Object | dict) else "a list"


def _parse(text: bytes) -> Any:
    if len(text) <= MAX_TEXT_BYTES:
        try:
            return _parser.parse(text)
        except RuntimeError:  # its last document is still in use, or a number is too long
            pass
    return simdjson.Parser().parse(text)
