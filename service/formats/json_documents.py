"""JSON documents: parsed by simdjson, which leaves numbers in its buffer, written by orjson."""

from collections.abc import Mapping
from typing import Any

import orjson
import simdjson

from service.errors import BodyError

JSON = "application/json"

MAX_SHARED_BYTES = 1 << 20  # a parser keeps the memory that its longest text needed

# All errors of simdjson for text that is not JSON by RFC 8259, including NaN and 1e400.
_PARSE_ERRORS = (ValueError, RuntimeError, UnicodeDecodeError)

Members = Mapping[str, Any]

_parser = simdjson.Parser()


def encode(value: object) -> bytes:
    """Write JSON; numpy arrays and numbers need no conversion to lists."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


def parse_object(text: bytes, *names: str) -> Members:
    """Read the named members of a JSON object; other text is a `BodyError`.

    Read the lists and objects among them before the next call: it may reuse their memory.
    """
    try:
        document = _parse(text)
    except _PARSE_ERRORS as error:
        raise BodyError(
            "body: invalid JSON; numbers must fit 64 bits, and NaN and Infinity are not allowed"
        ) from error
    if not isinstance(document, simdjson.Object):
        raise BodyError(f"body: expected a JSON object, found {kind_of(document)}")
    return members(document, *names)


def members(item: simdjson.Object, *names: str) -> Members:
    """Return those of the named members that an object has.

    simdjson searches for each name from the first member on, and a search for a missing name takes
    ten times as long; so only names that are present are looked up.
    """
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
    return "a list" if isinstance(value, simdjson.Array | list) else "an object"


def _parse(text: bytes) -> Any:
    if len(text) <= MAX_SHARED_BYTES:
        try:
            return _parser.parse(text)
        except RuntimeError:  # its last document is still in use, or a number is too long
            pass
    return simdjson.Parser().parse(text)
