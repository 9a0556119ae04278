import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.contract import GATE_SCALE, LOGITS
from service.errors import BodyError, RequestError
from tests.service.formats.conftest import (
    IMAGES,
    INVALID_JSON,
    ROW,
    TABLES,
    binary,
    floats,
    read,
    rejected,
    request,
    scale,
    tensor,
)

VALID = request()
HOSTILE = [
    *(b"", b"{", b"\0", b"inputs=1", VALID[:-1], VALID + b"x", VALID + VALID, VALID[1:]),
    *(VALID.replace(b"2.5", word) for word in (b"NaN", b"Infinity", b"-Infinity", b"1e400")),
    *(VALID.replace(b"2.5", b"9" * digits) for digits in (20, 400, 5000)),
    *(VALID.decode().encode(code) for code in ("utf-16", "utf-16-be", "utf-32")),
    VALID.replace(b'"FP32"', b'"\\ud800"'),
    VALID.replace(b'"data"', b'"\\udc00"'),
    VALID.replace(b"{", b'{"\xff": 1, ', 1),
    VALID.replace(b"{", b'{"id": "\\ud83d", ', 1),
    *(VALID.replace(b"2.5", b"[" * depth + b"]" * depth) for depth in (1100, 100_000)),
]


@pytest.mark.parametrize("body", HOSTILE, ids=lambda text: str(text[:30]))
def test_text_that_is_not_strict_json_is_rejected(body: bytes) -> None:
    assert rejected(BodyError, body) == INVALID_JSON


DEEP = b"[" * 1000 + b"]" * 1000


def test_an_ignored_member_may_be_nested_deeply() -> None:
    assert read(VALID.replace(b"{", b'{"other": %s, ' % DEEP)).rows.tolist() == [ROW]


@pytest.mark.parametrize("member", [b"id", b"parameters", b"outputs", b"inputs"])
def test_deep_nesting_is_a_request_error(member: bytes) -> None:
    with pytest.raises(RequestError):
        read(VALID.replace(b"{", b'{"%s": %s, ' % (member, DEEP), 1))


@pytest.mark.parametrize("member", [b"name", b"datatype", b"shape", b"data", b"parameters"])
def test_deep_nesting_within_a_tensor_is_a_request_error(member: bytes) -> None:
    pair = b'{"%s": [%s, 4], ' % (member, DEEP)
    with pytest.raises(RequestError):
        read(VALID.replace(b'{"name"', pair + b'"name"'))


def test_the_first_of_a_repeated_member_counts() -> None:
    twice = VALID.replace(b"{", b'{"id": "first", "id": "second", ', 1)
    assert read(twice).id == "first"
    data = VALID.replace(b'"data"', b'"data": [[5, 6, 7, 8]], "data"')
    assert read(data).rows.tolist() == [[5, 6, 7, 8]]


def test_an_error_repeats_nothing_of_the_body() -> None:
    for body in (
        request(tensor("SECRET")),
        request(tensor(datatype="SECRET")),
        request(tensor(data=["SECRET"] * 4)),
        request(id=["SECRET"]),
        request(outputs=[{"name": "SECRET"}]),
        b"SECRET",
    ):
        with pytest.raises(RequestError) as error:
            read(body)
        assert "SECRET" not in str(error.value)


BODIES = [
    request(id="7", outputs=[{"name": LOGITS, "parameters": {"classification": 2}}]),
    request(tensor(shape=[2, 4], data=[ROW, ROW]), scale([1, 0], [0, 2])),
    request(binary(), binary(8, GATE_SCALE, shape=[1, 2]), parameters={"timeout": 9}),
    request(tensor(data=[1, None, 3, 4])),
]
PIECES = [
    *(b"[", b"]", b"{", b"}", b",", b":", b'"', b"null", b"true", b"-", b"0", b"1e39", b"NaN"),
    *(b'"data"', b'"shape"', b'"name"', b'"parameters"', b'"outputs"', b"[]", b"{}", b"\\u0000"),
    *(b"\\ud800", b"\xff", b"\0", b"18446744073709551615", b"-9223372036854775808", b"1e-400"),
]


def check(body: bytes, head_length: int | None) -> None:
    """Read for both kinds of model: the result is valid or the error is a `RequestError`."""
    for reader in (IMAGES, TABLES):
        try:
            parsed = reader.read(body, head_length)
        except RequestError:
            continue
        assert 1 <= len(parsed.rows) <= 5
        assert parsed.rows.shape[1] == 4
        assert parsed.rows.dtype == np.float32
        assert not np.isinf(parsed.rows).any()
        assert reader is TABLES or not np.isnan(parsed.rows).any()
        assert parsed.gate_scale is None or len(parsed.gate_scale) in (1, len(parsed.rows))
        assert parsed.outputs


@given(st.binary(max_size=60), st.none() | st.integers(0, 60))
def test_any_bytes_are_a_request_or_a_request_error(body: bytes, length: int | None) -> None:
    check(body, None if length is None else min(length, len(body)))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 5) | st.floats(-9, 9) | st.sampled_from(["input"]),
    lambda inner: st.lists(inner, max_size=5),
    max_leaves=12,
)


@settings(max_examples=200)
@given(
    st.fixed_dictionaries(
        {"name": st.just("input") | JSON, "datatype": st.just("FP32") | JSON},
        optional={
            "shape": st.just([1, 4]) | JSON,
            "data": JSON,
            "parameters": st.fixed_dictionaries({}, optional={"binary_data_size": JSON}) | JSON,
        },
    ),
    st.fixed_dictionaries({}, optional={"id": JSON, "outputs": JSON, "parameters": JSON}),
)
def test_any_json_in_the_form_of_a_request_is_one_or_a_request_error(
    described: dict[str, object], members: dict[str, object]
) -> None:
    check(request(described, **members), None)


@pytest.mark.parametrize("body", BODIES, ids=["outputs", "gate_scale", "binary", "null"])
def test_a_damaged_request_is_one_or_a_request_error(body: bytes) -> None:
    chance = random.Random(1)
    content = floats(*ROW, 1, 1) if b"binary_data_size" in body else b""
    for _ in range(2000):
        damaged = bytearray(body)
        for _ in range(chance.randint(1, 3)):
            start = chance.randrange(len(damaged))
            copied = bytes(damaged[start : start + 9])
            piece = chance.choice([*PIECES, copied, chance.randbytes(1)])
            damaged[start : start + chance.choice([0, 1, 1, 4, 30])] = piece
        check(bytes(damaged) + content, len(damaged) if content else None)
