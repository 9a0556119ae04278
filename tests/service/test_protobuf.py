import pytest

from service import protobuf
from service.protobuf import Field, Message, Reader, Schema, WireError, read_varint, write_field

INNER = Schema("Inner", {1: Field("size", "integer", repeated=True)})
OUTER = Schema(
    "Outer",
    {
        1: Field("count", "integer"),
        2: Field("name", "string"),
        3: Field("inner", INNER, repeated=True),
        4: Field("ratio", "float"),
        5: Field("data", "bytes"),
    },
)


def read(content: bytes) -> Message:
    return Reader().read(memoryview(content), OUTER)


def refused(content: bytes) -> str:
    with pytest.raises(WireError) as error:
        read(content)
    return str(error.value)


def test_a_message_has_its_values_by_name() -> None:
    content = b"\x08\x96\x01\x12\x02hi\x1a\x04\x08\x01\x08\x02\x25\0\0\x80\x3f"
    assert read(content) == {
        "count": 150,
        "name": "hi",
        "inner": [{"size": [1, 2]}],
        "ratio": b"\0\0\x80\x3f",
    }


def test_absent_fields_are_left_out_and_empty_ones_are_empty() -> None:
    assert read(b"") == {}
    assert read(b"\x12\0\x1a\0\x2a\0") == {"name": "", "inner": [{}], "data": b""}


def test_bytes_are_a_view_of_the_content() -> None:
    content = b"\x2a\x03abc"
    data = read(content)["data"]
    assert isinstance(data, memoryview)
    assert data.obj is content


def test_integers_are_signed_and_have_64_bits() -> None:
    assert read(b"\x08" + b"\xff" * 9 + b"\x01") == {"count": -1}
    assert read(b"\x08" + b"\xff" * 8 + b"\x7f") == {"count": 2**63 - 1}
    assert read_varint(memoryview(b"\xff" * 9 + b"\x01"), 0) == (2**64 - 1, 10)


@pytest.mark.parametrize(
    "number",
    [b"", b"\x80", b"\xff" * 9 + b"\x02", b"\x80" * 10 + b"\x01", b"\x81\x00", b"\x80" * 99],
)
def test_an_integer_that_is_cut_off_or_too_long_is_refused(number: bytes) -> None:
    assert refused(b"\x08" + number) == "an integer that is cut off or too long"


@pytest.mark.parametrize("content", [b"\x12\x03hi", b"\x12\xff\xff\xff\xff\x0f", b"\x25\0\0"])
def test_a_value_longer_than_its_message_is_refused(content: bytes) -> None:
    assert refused(content) == "a value that is longer than its message"


def test_a_group_is_refused() -> None:
    assert refused(b"\x0b\x0c") == "a value that is longer than its message"


def test_a_submessage_ends_within_its_own_length() -> None:
    assert refused(b"\x1a\x01\x08\x01") == "an integer that is cut off or too long"


def test_an_unknown_field_is_refused_with_its_message() -> None:
    assert refused(b"\x30\x01") == "Outer with an unknown field, number 6"
    assert refused(b"\x1a\x02\x10\x01") == "Inner with an unknown field, number 2"


@pytest.mark.parametrize("content", [b"\x0a\x01\x01", b"\x10\x01", b"\x18\x01", b"\x2d\0\0\0\0"])
def test_a_value_of_another_type_is_refused(content: bytes) -> None:
    assert refused(content).startswith("a field ")
    assert refused(content).endswith(" of another type")


def test_a_second_value_is_refused() -> None:
    assert refused(b"\x08\x01\x08\x01") == "Outer with the field count twice"


def test_a_string_that_is_not_utf8_is_an_error() -> None:
    with pytest.raises(UnicodeDecodeError):
        read(b"\x12\x01\xff")


def test_the_number_of_fields_is_limited_over_all_messages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(protobuf, "MAX_FIELDS", 3)
    with pytest.raises(WireError) as error:
        Reader(fields_left=3).read(memoryview(b"\x1a\x04\x08\x01\x08\x02\x08\x01"), OUTER)
    assert str(error.value) == "more than 3 fields"


@pytest.mark.parametrize("value", [0, 1, 127, 128, 150, 2**63, 2**64 - 1])
def test_an_integer_that_is_written_reads_back(value: int) -> None:
    (field,) = Reader().values(memoryview(write_field(3, value)))
    assert field == (3, 0, value)


@pytest.mark.parametrize("value", [b"", b"hi", b"\0" * 300])
def test_bytes_that_are_written_read_back(value: bytes) -> None:
    ((number, wire_type, read),) = Reader().values(memoryview(write_field(500, value)))
    assert (number, wire_type) == (500, 2)
    assert isinstance(read, memoryview)
    assert bytes(read) == value
