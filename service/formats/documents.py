"""JSON: read by simdjson, which leaves numbers where they are, and written by orjson."""

from collections.abc import Mapping
from typing import Any

import orjson
import simdjson

from service.errors import BodyError
from service.formats.json_kinds import kind_of

JSON = "application/json"

# Everything simdjson raises for text that is not JSON as RFC 8259 has it, NaN and 1e400 included.
_PARSE_ERRORS = (ValueError, RuntimeError, UnicodeDecodeError)


def encode(value: object) -> bytes:
    """Write JSON; numpy arrays and numbers are written as they are, without a detour by lists."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


Members = Mapping[str, Any]

LONGEST_SHARED = 1 << 20  # bytes; a parser keeps the memory that its longest text took

_parser = simdjson.Parser()


def parse_object(text: bytes, *names: str) -> Members:
    """Read some members of a JSON object; what is none is a `BodyError`.

    Lists and objects among them are to be read before the next call.
    """
    try:
        document = _parsed(text)
    except _PARSE_ERRORS as error:
        raise BodyError(
            "body: expected JSON whose numbers fit 64 bits, found text that is not; NaN and "
            "Infinity are not JSON either"
        ) from error
    if not isinstance(document, simdjson.Object):
        raise BodyError(f"body: expected a JSON object, found {kind_of(document)}")
    return members(document, *names)


def members(item: simdjson.Object, *names: str) -> Members:
    """Return the members of these names that an object has.

    simdjson looks for one at a time, from the first on, and for one that is not there takes ten
    times as long; so it is only asked for what there is, and not for all of it.
    """
    present = set(item)
    return {name: item[name] for name in names if name in present}


def _parsed(text: bytes) -> Any:
    if len(text) <= LONGEST_SHARED:
        try:
            return _parser.parse(text)
        except RuntimeError:  # what it read before is still in use, or a number is too long
            pass
    return simdjson.Parser().parse(text)
