"""A bounded reader of protobuf's wire format, driven by a schema.

Only the fields of a schema are read. Submessages are read if the schema describes them, so that
nesting is as deep as the schema; all other values stay views of the content. Where protobuf's own
readers are lenient, this one is strict: it rejects unknown fields, a second value of a field that
has one, and varints that are longer than necessary. So no other reader can see another message.

Source: https://protobuf.dev/programming-guides/encoding/
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Message = dict[str, Any]

VARINT, FIXED_64, LENGTH, FIXED_32 = 0, 1, 2, 5  # wire types; groups, 3 and 4, are rejected
WIRE_TYPES = {"integer": VARINT, "float": FIXED_32, "string": LENGTH, "bytes": LENGTH}
INTEGER_BITS = 64
MAX_FIELDS = 1_000_000  # of all messages; about a second of reading


class WireError(ValueError):
    """Bytes that are not a message of the schema; `reason` completes "found …"."""


@dataclass(frozen=True)
class Field:
    """A field of a message; its kind is a scalar's or a submessage's schema."""

    name: str
    kind: "Literal['integer', 'float', 'string', 'bytes'] | Schema"
    repeated: bool = False


@dataclass(frozen=True)
class Schema:
    """A message: its name and its fields by number."""

    name: str
    fields: Mapping[int, Field]


@dataclass
class Reader:
    """Reads one message; counts the fields of all its submessages."""

    fields_left: int = field(default=MAX_FIELDS)

    def read(self, content: memoryview, schema: Schema) -> Message:
        """Return the values by field name: a list for a repeated field; absent fields are left out.

        Integers are signed. Bytes and strings without a value are empty, as written.
        """
        message: Message = {}
        for number, wire_type, value in self.values(content):
            known = schema.fields.get(number)
            if known is None:
                raise WireError(f"{schema.name} with an unknown field, number {number}")
            decoded = self._decode(known, wire_type, value)
            if known.repeated:
                message.setdefault(known.name, []).append(decoded)
            elif known.name in message:
                raise WireError(f"{schema.name} with the field {known.name} twice")
            else:
                message[known.name] = decoded
        return message

    def values(self, content: memoryview) -> Iterator[tuple[int, int, int | memoryview]]:
        """Yield field number, wire type and value of each field."""
        position, end = 0, len(content)
        while position < end:
            self.fields_left -= 1
            if self.fields_left < 0:
                raise WireError(f"more than {MAX_FIELDS:,} fields")
            key, position = read_varint(content, position)
            wire_type = key & 7
            if wire_type == VARINT:
                value, position = read_varint(content, position)
                yield key >> 3, wire_type, value
                continue
            if wire_type == LENGTH:
                length, position = read_varint(content, position)
            else:
                length = {FIXED_32: 4, FIXED_64: 8}.get(wire_type, end + 1)
            if length > end - position:
                raise WireError("a value that is longer than its message")
            yield key >> 3, wire_type, content[position : position + length]
            position += length

    def _decode(self, known: Field, wire_type: int, value: int | memoryview) -> Any:
        kind = known.kind
        if wire_type != (LENGTH if isinstance(kind, Schema) else WIRE_TYPES[kind]):
            raise WireError(f"a field {known.name} of another type")
        if isinstance(value, int):
            return value - (1 << INTEGER_BITS) if value >> (INTEGER_BITS - 1) else value
        if isinstance(kind, Schema):
            return self.read(value, kind)
        return str(value, "utf-8") if kind == "string" else value


def read_varint(content: memoryview, position: int) -> tuple[int, int]:
    """Return the unsigned integer at `position` and the position after it."""
    value = shift = 0
    while position < len(content):
        byte = content[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value >> INTEGER_BITS or (byte == 0 and shift):
                break
            return value, position
        shift += 7
        if shift >= INTEGER_BITS + 6:
            break
    raise WireError("an integer that is cut off or too long")


def write_field(number: int, value: int | bytes | memoryview) -> bytes:
    """Return a field with an integer, or with bytes, a string or a submessage."""
    if isinstance(value, int):
        return _written_varint(number << 3 | VARINT) + _written_varint(value)
    return _written_varint(number << 3 | LENGTH) + _written_varint(len(value)) + bytes(value)


def _written_varint(value: int) -> bytes:
    groups = [value >> shift & 0x7F for shift in range(0, max(value.bit_length(), 1), 7)]
    return bytes([group | 0x80 for group in groups[:-1]] + groups[-1:])
