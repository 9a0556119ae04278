import json

import numpy as np
import pytest
import simdjson
from hypothesis import given
from hypothesis import strategies as st

from service.errors import BodyError, BodyTooLargeError
from service.formats.json_documents import (
    MAX_TEXT_BYTES,
    encode,
    kind_of,
    members,
    parse_object,
)
from tests.service.formats.conftest import INVALID_JSON, message_of


def test_float32_is_written_in_its_shortest_decimals() -> None:
    assert encode({"a": np.float32(0.1), "b": np.array([0.25, 1e-7], np.float32)}) == (
        b'{"a":0.1,"b":[0.25,1e-7]}'
    )


def test_nan_and_infinity_become_null_in_strict_json() -> None:
    assert encode(np.array([np.nan, np.inf, 1.0], np.float32)) == b"[null,null,1.0]"


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False)))
def test_written_float32_reads_back_to_the_same_bits(values: list[float]) -> None:
    written = np.array(values, np.float32)
    assert np.array(json.loads(encode(written)), np.float32).tobytes() == written.tobytes()


def test_only_the_named_members_are_read() -> None:
    assert parse_object(b'{"a": 1, "b": [[]], "c": "x"}', "c", "a", "z") == {"c": "x", "a": 1}


def test_the_first_of_a_repeated_member_counts() -> None:
    assert parse_object(b'{"a": 1, "a": 2}', "a") == {"a": 1}


def test_an_escaped_name_equals_the_plain_name() -> None:
    assert parse_object(b'{"\\u0061": 1, "a\\u0000": 2}', "a") == {"a": 1}


def test_white_space_and_a_byte_order_mark_are_ignored() -> None:
    assert parse_object(b'\xef\xbb\xbf {"a": 1}\r\n\t ', "a") == {"a": 1}


@pytest.mark.parametrize("number", [0, -1, 2**63, 2**64 - 1, -(2**63), 0.1, -0.0, 5e-324, 1e308])
def test_numbers_keep_their_type_and_value(number: float) -> None:
    value = parse_object(json.dumps({"a": number}).encode(), "a")["a"]
    assert (type(value), str(value)) == (type(number), str(number))


@pytest.mark.parametrize(
    ("text", "actual"),
    [
        (b"[]", "a list"),
        (b'"a"', "a string"),
        (b"1.5", "a number"),
        (b"true", "a boolean"),
        (b"null", "null"),
    ],
)
def test_json_that_is_not_an_object_is_rejected(text: bytes, actual: str) -> None:
    with pytest.raises(BodyError) as error:
        parse_object(text, "a")
    assert str(error.value) == f"body: expected a JSON object, found {actual}"


INVALID = [
    *(b"", b" ", b"{", b'{"a": 1', b'{"a": 1}}', b'{"a": 1} x', b'{"a": 1}{}', b'{"a": 1}\0'),
    *(b'{"a": 1,}', b'{"a": 01}', b'{"a": +1}', b'{"a": .5}', b'{"a": 0x1}', b"{'a': 1}"),
    *(b"{a: 1}", b'{"a": 1 /* one */}', b'{"a"= 1}', b'{"a": True}', b'{"a": "\\x"}'),
    *(b'{"a": NaN}', b'{"a": Infinity}', b'{"a": -Infinity}', b'{"a": nan}', b'{"a": 1e400}'),
    *(b'{"a": 18446744073709551616}', b'{"a": -9223372036854775809}'),
    b'{"a": ' + b"9" * 5000 + b"}",
    *(b'{"a": "\\ud800"}', b'{"a": "\\udc00"}', b'{"\\ud800": 1}', b'{"a": {"\\ud800x": 1}}'),
    *(b'{"a": "\xff"}', b'{"\xff": 1}', b'{"a": "\xed\xa0\x80"}', b'{"a": "\x00"}'),
    *('{"a": 1}'.encode(code) for code in ("utf-16", "utf-16-le", "utf-32")),
]


@pytest.mark.parametrize("text", INVALID, ids=lambda text: str(text[:30]))
def test_a_text_is_read_after_one_that_is_not_strict_json(text: bytes) -> None:
    with pytest.raises(BodyError) as error:
        parse_object(text, "a")
    assert str(error.value) == INVALID_JSON
    assert parse_object(b'{"a": 1}', "a") == {"a": 1}


def test_a_hundred_thousand_nested_lists_are_rejected() -> None:
    with pytest.raises(BodyError) as error:
        parse_object(b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "a")
    assert str(error.value) == INVALID_JSON


def test_lists_and_objects_stay_in_the_parser() -> None:
    document = parse_object(b'{"a": [1, 2], "b": {"c": 3}}', "a", "b")
    assert isinstance(document["a"], simdjson.Array)
    assert document["a"].as_list() == [1, 2]
    assert members(document["b"], "c", "d") == {"c": 3}


def test_a_text_is_read_while_another_is_still_in_use() -> None:
    first = parse_object(b'{"a": [1, 2]}', "a")["a"]
    second = parse_object(b'{"a": [3]}', "a")["a"]
    third = parse_object(b'{"b": [4, 5, 6]}', "b")["b"]
    assert [first.as_list(), second.as_list(), third.as_list()] == [[1, 2], [3], [4, 5, 6]]


def test_invalid_text_is_rejected_while_another_is_still_in_use() -> None:
    first = parse_object(b'{"a": [1, 2]}', "a")["a"]
    with pytest.raises(BodyError):
        parse_object(b'{"a": [3}', "a")
    assert first.as_list() == [1, 2]


@pytest.mark.parametrize("length", [MAX_TEXT_BYTES - 1, MAX_TEXT_BYTES])
def test_a_short_text_is_read_after_a_long_one(length: int) -> None:
    text = b'{"a": [1, 2], "filling": "'
    text += b"x" * (length - len(text) - 2) + b'"}'
    assert len(text) == length
    assert parse_object(text, "a")["a"].as_list() == [1, 2]
    assert parse_object(b'{"a": [3]}', "a")["a"].as_list() == [3]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (b"null", "null"),
        (b"true", "a boolean"),
        (b"0", "a number"),
        (b"-1.5", "a number"),
        (b'"null"', "a string"),
        (b"[]", "a list"),
        (b"{}", "an object"),
    ],
)
def test_every_json_type_has_a_name(text: bytes, kind: str) -> None:
    assert kind_of(simdjson.Parser().parse(text)) == kind


def test_a_longer_text_is_rejected_before_it_is_parsed() -> None:
    assert message_of(BodyTooLargeError, lambda: parse_object(b"{" * (MAX_TEXT_BYTES + 1))) == (
        "body: expected at most 262144 bytes of JSON beside lists of rows, found more"
    )


def test_an_object_has_at_most_64_members() -> None:
    text = [b'{%s, "a": 5}' % b",".join([b'"b": 1'] * count) for count in (63, 64)]
    assert parse_object(text[0], "a") == {"a": 5}
    assert message_of(BodyError, lambda: parse_object(text[1], "a")) == (
        "body: expected objects of at most 64 members, found one of 65"
    )
