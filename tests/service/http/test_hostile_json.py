"""Hostile JSON in each place of each inference document: the wanted status, and never a 5xx."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pytest

from tests.service.http.transport import INFER, JSON, ROW, Send

BYTES = np.array([1, 0, 0, 0], "<f4").tobytes()
INVALID = "body: invalid JSON; numbers must fit 64 bits, and NaN and Infinity are not allowed"

# Where a text is inserted: the document with $ in its place, and those of VALUES that fit it.
PREDICT = {
    "document": ("$", ()),
    "instances": ('{"instances": $}', ()),
    "row": ('{"instances": [$]}', ()),
    "second row": ('{"instances": [[1, 0, 0, 0], $]}', ()),
    "number": ('{"instances": [[$, 0, 0, 0]]}', ("0", "-1", "1.5")),
    "last number": ('{"instances": [[0, 0, 0, $]]}', ("0", "-1", "1.5")),
    "pixel": ('{"instances": [[[0, 0], [$, 0]]]}', ("0", "-1", "1.5")),
    "gate_scale": ('{"instances": [[1, 0, 0, 0]], "gate_scale": $}', ("null", "{}")),
    "scale": ('{"instances": [[1, 0, 0, 0]], "gate_scale": [$]}', ("{}",)),
    "factor": ('{"instances": [[1, 0, 0, 0]], "gate_scale": [1, $]}', ("0", "1.5")),
    "named factor": (
        '{"instances": [[1, 0, 0, 0]], "gate_scale": {"highway 1": $}}',
        ("0", "1.5"),
    ),
    "unknown member": ('{"instances": [[1, 0, 0, 0]], "more": $}', "any"),
}
_TENSOR = '"name": "input", "datatype": "FP32", "shape": [1, 4], "data": [1, 0, 0, 0]'
_WHOLE = "{" + _TENSOR + "}"
TENSORS = {
    "document": ("$", ()),
    "id": ('{"id": $, "inputs": [' + _WHOLE + "]}", ("null", '""', '"1"', '"SECRET"')),
    "parameters": (
        '{"parameters": $, "inputs": [' + _WHOLE + "]}",
        ("null", "{}", '{"SECRET": 1}'),
    ),
    "binary_data_output": (
        '{"parameters": {"binary_data_output": $}, "inputs": [' + _WHOLE + "]}",
        ("null", "true", "false"),
    ),
    "timeout": ('{"parameters": {"timeout": $}, "inputs": [' + _WHOLE + "]}", ("null", "0")),
    "inputs": ('{"inputs": $}', ()),
    "tensor": ('{"inputs": [$]}', ()),
    "second tensor": ('{"inputs": [' + _WHOLE + ", $]}", ()),
    "name": ('{"inputs": [' + _WHOLE.replace('"input"', "$") + "]}", ()),
    "datatype": ('{"inputs": [' + _WHOLE.replace('"FP32"', "$") + "]}", ()),
    "shape": ('{"inputs": [' + _WHOLE.replace("[1, 4]", "$") + "]}", ()),
    "rows of the shape": ('{"inputs": [' + _WHOLE.replace("[1, 4]", "[$, 4]") + "]}", ()),
    "width of the shape": ('{"inputs": [' + _WHOLE.replace("[1, 4]", "[1, $]") + "]}", ()),
    "data": ('{"inputs": [' + _WHOLE.replace("[1, 0, 0, 0]", "$") + "]}", ()),
    "number": ('{"inputs": [' + _WHOLE.replace("[1, 0", "[$, 0") + "]}", ("0", "-1", "1.5")),
    "nested number": (
        '{"inputs": [' + _WHOLE.replace("[1, 0, 0, 0]", "[[1, 0, 0, $]]") + "]}",
        ("0", "-1", "1.5"),
    ),
    "binary_data_size": (
        '{"inputs": [{' + _TENSOR + ', "parameters": {"binary_data_size": $}}]}',
        ("null",),
    ),
    "outputs": ('{"outputs": $, "inputs": [' + _WHOLE + "]}", ("null", "[]")),
    "output": ('{"outputs": [$], "inputs": [' + _WHOLE + "]}", ()),
    "output's name": ('{"outputs": [{"name": $}], "inputs": [' + _WHOLE + "]}", ()),
    "binary_data": (
        '{"outputs": [{"name": "logits", "parameters": {"binary_data": $}}], "inputs": ['
        + _WHOLE
        + "]}",
        ("null", "true", "false"),
    ),
    "classification": (
        '{"outputs": [{"name": "logits", "parameters": {"classification": $}}], "inputs": ['
        + _WHOLE
        + "]}",
        ("null",),
    ),
    "unknown member": ('{"more": $, "inputs": [' + _WHOLE + "]}", "any"),
}
_BINARY = '"name": "input", "datatype": "FP32", "shape": [1, 4]'
HEADS = {
    "document": ("$", ()),
    "id": (
        '{"id": $, "inputs": [{' + _BINARY + ', "parameters": {"binary_data_size": 16}}]}',
        ("null", '""', '"1"', '"SECRET"'),
    ),
    "binary_data_size": (
        '{"inputs": [{' + _BINARY + ', "parameters": {"binary_data_size": $}}]}',
        (),
    ),
    "parameters": ('{"inputs": [{' + _BINARY + ', "parameters": $}]}', ()),
}
EXPLAIN = {
    "document": ("$", ()),
    "instance": ('{"instance": $}', ()),
    "number": ('{"instance": [0, 0, 0, $]}', ("0", "-1", "1.5")),
    "gate_units": ('{"instance": [0, 0, 0, 1], "gate_units": $}', ("null", "true", "false")),
    "unknown member": ('{"instance": [0, 0, 0, 1], "more": $}', "any"),
}
WHAT_IF = {
    "document": ("$", ()),
    "instance": ('{"instance": $}', ()),
    "number": ('{"instance": [0, 0, 0, $]}', ("0", "-1", "1.5")),
    "gate_scale": ('{"instance": [0, 0, 0, 1], "gate_scale": $}', ("null", "{}")),
    "scale": ('{"instance": [0, 0, 0, 1], "gate_scale": [{}, $]}', ("{}",)),
    "factor": ('{"instance": [0, 0, 0, 1], "gate_scale": [[1, $]]}', ("0", "1.5")),
}
VALUES = [
    *("null", "true", "false", "0", "-1", "1.5", '""', '"SECRET"', '"1"', "[]", "[null]", "[[]]"),
    *("{}", '{"SECRET": 1}', '["SECRET"]', '[{"SECRET": [1]}]', "[1, 2, 3, 4, 5]"),
]
NOT_JSON = [
    *("NaN", "-NaN", "Infinity", "-Infinity", "1e400", "-1e400", "01", "-01", "+1", ".5", "1."),
    *("1e", "0x10", "--1", "1_000", "9" * 20, "-" + "9" * 20, "9" * 400, "9" * 5000, "SECRET"),
    *("truth", "nullx", "True", "None", "'SECRET'", '"SECRET', '"\\ud800"', '"\\udc00\\ud800"'),
    *('"\\x41"', '"\\u12"', '"SECRET\n"', '"\\"', "[1,]", "[,1]", '{"a": 1,}', '{"a"}', "{1: 2}"),
    *("{,}", "[1 2]", "[1; 2]", "1 // SECRET", "/* SECRET */ 1", "[" * 1100 + "]" * 1100, "[", "}"),
    *("]", '{"a": [}', '"\0"', "1 1", "undefined"),
]


class Case(NamedTuple):
    """A request and its wanted status."""

    name: str
    path: str
    body: bytes
    status: int
    headers: dict[str, str] = JSON
    message: str | None = None


DOCUMENTS: dict[str, tuple[str, Mapping[str, tuple[str, Sequence[str]]]]] = {
    "predict": ("/predict", PREDICT),
    "infer": (INFER, TENSORS),
    "explain": ("/explain", EXPLAIN),
    "what-if": ("/what-if", WHAT_IF),
}


def places() -> Iterator[Case]:
    """Insert each value and each text that is not JSON in each place."""
    for kind, (path, documents) in DOCUMENTS.items():
        for place, (document, fitting) in documents.items():
            for text in VALUES:
                status = 200 if fitting == "any" or text in fitting else 400
                body = document.replace("$", text).encode()
                yield Case(f"{kind}: {place}: {text}", path, body, status)
            for text in NOT_JSON if "number" in place else NOT_JSON[::4]:
                body = document.replace("$", text).encode()
                yield Case(f"{kind}: {place}: {text[:20]}", path, body, 400, message=INVALID)
    for place, (document, fitting) in HEADS.items():
        for text in [*VALUES, *NOT_JSON[::4]]:
            head = document.replace("$", text).encode()
            status = 200 if text in fitting else 400
            message = INVALID if text in NOT_JSON else None
            headers = {"Inference-Header-Content-Length": str(len(head))}
            yield Case(
                f"binary: {place}: {text[:20]}", INFER, head + BYTES, status, headers, message
            )


VALID = {
    "/predict": '{"instances": [[$, 0, 0, 0]]}',
    INFER: '{"inputs": [' + _WHOLE.replace("[1, 0", "[$, 0") + "]}",
    "/explain": '{"instance": [$, 0, 0, 0]}',
    "/what-if": '{"instance": [$, 0, 0, 0]}',
}
FINITE = [
    *("-0.0", "0", "-0", "1e-45", "1e-400", "5e-324", "3.4e38", "-3.4e38", "0.1", "1E2", "1e+2"),
    *("0." + "1" * 10_000, "9007199254740993", "18446744073709551615", "-9223372036854775808"),
]
OVERFLOW = ["3.5e38", "-3.5e38", "1e39", "1.7e308"]


def numbers_and_encodings() -> Iterator[Case]:
    """Extreme numbers, other encodings, and what may stand around a document."""
    for path, document in VALID.items():
        for number in FINITE:
            yield Case(f"{path}: {number[:20]}", path, document.replace("$", number).encode(), 200)
        for number in OVERFLOW:
            yield Case(f"{path}: {number}", path, document.replace("$", number).encode(), 400)
        body = document.replace("$", "1")
        for code in ("utf-16", "utf-16-le", "utf-16-be", "utf-32"):
            yield Case(f"{path}: {code}", path, body.encode(code), 400, message=INVALID)
        content = body.encode()
        first = content[:1]
        assert first == b"{"
        for name, text, status in (
            *(("trailing text", content + b"SECRET", 400), ("two", content + content, 400)),
            *(("trailing NUL", content + b"\0", 400), ("without end", content[:-1], 400)),
            *(("spaces", b" \n\t\r" + content + b" \n\t\r", 200), ("VT", b"\v" + content, 400)),
            ("empty", b"", 400),
            *(("invalid UTF-8", b'{"\xff": 1, ' + content[1:], 400),),
            *(("cut UTF-8", b'{"\xc3": 1, ' + content[1:], 400),),
            *(("encoded surrogate", b'{"\xed\xa0\x80": 1, ' + content[1:], 400),),
            *(("overlong UTF-8", b'{"\xc0\xaf": 1, ' + content[1:], 400),),
            *(("UTF-8", '{"é☃😀": 1, '.encode() + content[1:], 200),),
            *(("unknown names", b'{"": 1, "\\u0000": 2, ' + content[1:], 200),),
            *(("escaped name", b'{"\\u0069d": "x", ' + content[1:], 200),),
            *(("many members", b"{" + b'"x": 1, ' * 70 + content[1:], 400),),
            *(("64 members", b"{" + b'"x": 1, ' * 63 + content[1:], 200),),
            *(("long string", b'{"x": "%b", ' % (b"x" * 200_000) + content[1:], 200),),
        ):
            yield Case(f"{path}: {name}", path, text, status)
        for depth, status in ((50, 200), (120, 200), (1000, 200), (1100, 400), (100_000, 400)):
            nested = b'{"x": ' + b"[" * depth + b"]" * depth + b", " + content[1:]
            yield Case(f"{path}: nested {depth}", path, nested, status)


def repeated_names() -> Iterator[Case]:
    """The first of a repeated name counts."""
    good, bad = "[[1, 0, 0, 0]]", "5"
    for first, second, status in ((good, bad, 200), (bad, good, 400)):
        body = f'{{"instances": {first}, "instances": {second}}}'.encode()
        yield Case(f"instances twice: {first}", "/predict", body, status)


CASES = [*places(), *numbers_and_encodings(), *repeated_names()]


def test_there_are_as_many_cases_as_promised() -> None:
    assert len(CASES) >= 623
    assert {case.status for case in CASES} == {200, 400}


def reject_constant(constant: str) -> float:
    raise AssertionError(f"{constant} is not JSON")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_hostile_body_gets_its_status_and_harms_no_other(
    send_by_socket: Send, case: Case
) -> None:
    response = send_by_socket("POST", case.path, case.body, case.headers)
    assert response.status == case.status
    if case.status == 400:
        assert case.message in (None, response.error)
        assert b"SECRET" not in response.body
    elif response.headers["content-type"] == "application/json":
        json.loads(response.body, parse_constant=reject_constant)
    golden = send_by_socket("POST", "/predict", ROW).json()["predictions"][0]
    assert golden["probabilities"] == pytest.approx([0.576117, 0.211942, 0.211942], abs=1e-6)
