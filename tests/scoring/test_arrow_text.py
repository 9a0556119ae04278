"""Arrow reads a text only where it reads the same rows as the project's own reader."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import pytest
from highway_client.description import Column, Input, TextFormat
from highway_client.errors import FileError
from highway_client.files.compression import Span
from highway_client.files.text_tables import read_text_table
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from scoring.arrow_text import arrow_table
from scoring.text_source import plan_text

COLUMNS = (
    Column(name="age"),
    Column(name="job", categories=("007", "7", "a b", "NA", "é", "1", '"')),
    Column(name="member", categories=("false", "true")),
    Column(name="born", date="iso"),
)
NAMES = (*(column.name for column in COLUMNS), "note")
COPIED = ("note", "job")

NUMBERS = st.sampled_from(
    [
        *("0", "-0", "1", "+1", "-2.5", "007", "1.", ".5", "-.5", ".", "-", "+", "e", "1e5", "1E5"),
        *("1e", "1e+5", "1e-5", "1e-46", "1e-400", "5e-324", "1e38", "3.4028235e38", "3.5e38"),
        *("1e400", "-1e400", "0.1", "16777217", "9007199254740993", "123456789.123456789"),
        *("0.30000001192092896", "0x1A", "1_000", "1,5", "1 000", "1-2", "nan", "NaN", "inf"),
        *("-inf", "Infinity", "١", "1\u00a0", "\u202f2", "\t3", "0" * 40 + "1", "1" * 310),
        *("8.5070591730234615e37", "1.17549435e-38", "2.2250738585072011e-308"),
    ]
)
WORDS = st.sampled_from(
    [
        *("007", "7", "a b", "a  b", "NA", "N/A", "null", "é", "e\u0301", "1", "01", '"', ""),
        *("true", "TRUE", "false", "0", "2020-01-31", "2020-02-30", "2020-01-31T10:00:00Z"),
        *("20200131", "old", "#", "\ufeff", "\x0b", "\x85", "\u2028", "\0", "\x1c", "-"),
    ]
)
LETTERS = st.text(alphabet='ab"\n\r,; \té1.\u00a0', max_size=6)
SPACES = st.sampled_from(["", "", "", " ", "\t", "\u00a0", "  "])


@st.composite
def cells(draw: st.DrawFn) -> str:
    """A cell as it is written: any content, in quotes or not, with or without white space."""
    content = draw(st.one_of(NUMBERS, WORDS, LETTERS))
    if draw(st.integers(0, 3)) == 0:
        content = '"' + content.replace('"', '""') + '"'
    return draw(SPACES) + content + draw(SPACES)


@st.composite
def fitting_rows(draw: st.DrawFn) -> list[str]:
    """A row that the model can read, in quotes or not."""
    row = [
        draw(st.sampled_from(["1", "-0", "1e5", ".5", "", "1e-46", "16777217", "NaN", " 2"])),
        draw(st.sampled_from(["007", "7", "a b", "NA", "é", "", "1"])),
        draw(st.sampled_from(["true", "0", "FALSE", "", "1"])),
        draw(st.sampled_from(["2020-01-31", "", "null", "20200131"])),
        draw(st.sampled_from(["x", " x", "x ", "", "a,b", "a\nb", 'a"b', "\u00a0x", "\r\n", "NA"])),
    ]
    return [
        '"' + cell.replace('"', '""') + '"' if re.search('[",\r\n]', cell) or is_quoted else cell
        for cell, is_quoted in zip(row, draw(QUOTED), strict=True)
    ]


QUOTED = st.tuples(*(st.booleans() for _ in NAMES))
ROWS = st.one_of(
    fitting_rows(),
    fitting_rows(),
    fitting_rows(),
    st.lists(cells(), min_size=5, max_size=5),
    st.lists(cells(), max_size=7),  # also ragged and empty ones
)


@st.composite
def tables(draw: st.DrawFn) -> bytes:
    """A table, of few rows and many doubts."""
    end = draw(st.sampled_from(["\n", "\r\n", "\n\n", "\r"]))
    lines = [",".join(NAMES), *(",".join(row) for row in draw(st.lists(ROWS, max_size=5)))]
    text = draw(st.sampled_from(["", "", "", "\ufeff", "\ufeff\ufeff", "\n"])) + end.join(lines)
    return (text + draw(st.sampled_from(["", end]))).encode(draw(ENCODINGS), "ignore")


ENCODINGS = st.sampled_from(["utf-8", "utf-8", "utf-8", "cp1252"])

Rows = list[tuple[list[bytes], object, tuple[str, str]]]


def read(path: Path, text: TextFormat, part_rows: int, *, keep_errors: bool) -> Rows | str:
    """Return the rows: their bits, what is copied, and their errors; or the error of the table."""
    row = Input(kind="table", shape=(4,), unit="the table's own", columns=COLUMNS, text=text)
    try:
        planned = plan_text(path, row, COPIED, part_rows)
        batches = [
            batch
            for part in planned.parts
            for batch in planned.source.read(part, keep_errors=keep_errors)
        ]
    except FileError as error:
        return str(error)
    rows: Rows = []
    for batch in batches:
        assert batch.columns is not None
        numbers = iter(batch.rows)
        for index, copied in enumerate(batch.columns.to_pylist()):
            reason = batch.errors.get(index, "")
            values = [] if reason else [value.tobytes() for value in next(numbers)]
            rows.append((values, copied, (batch.locate(index), reason)))
    return rows


@contextmanager
def without_arrow() -> Iterator[None]:
    with patch("scoring.text_source.arrow_table", lambda *_: None):
        yield


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(
    data=tables(),
    part_rows=st.integers(1, 4),
    keep_spaces=st.booleans(),
    keep_errors=st.booleans(),
    encoding=st.sampled_from([None, None, "utf-8", "cp1252"]),
)
@example(
    data=b"age,job,member,born,note\n1,7,1,, padded \n",
    part_rows=9,
    keep_spaces=False,
    keep_errors=False,
    encoding=None,
)
@example(
    data=b"\n\nage,job,member,born,note\n1,7,1,,x\n",
    part_rows=1,
    keep_spaces=False,
    keep_errors=False,
    encoding=None,
)
def test_any_table_has_the_same_rows_or_the_same_error(
    data: bytes,
    part_rows: int,
    keep_spaces: bool,
    keep_errors: bool,
    encoding: str | None,
    tmp_path: Path,
) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(data)
    text = TextFormat(delimiter=",", encoding=encoding, keep_spaces=keep_spaces)
    found = read(path, text, part_rows, keep_errors=keep_errors)
    with without_arrow():
        assert found == read(path, text, part_rows, keep_errors=keep_errors)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cell=st.text(alphabet="0123456789eE.+-", max_size=24), missing=st.sampled_from(["-", "-9", "."])
)
def test_any_text_of_digits_and_signs_is_the_same_number(
    cell: str, missing: str, tmp_path: Path
) -> None:
    path = tmp_path / "table.csv"
    path.write_text(f"{','.join(NAMES)}\n{cell},7,1,,x\n")
    text = TextFormat(delimiter=",", missing=(missing,))
    found = read(path, text, 9, keep_errors=False)
    with without_arrow():
        assert found == read(path, text, 9, keep_errors=False)


def test_most_tables_are_read_by_arrow(tmp_path: Path) -> None:
    """Else the comparison above would compare a reader with itself."""
    path = tmp_path / "table.csv"
    path.write_text(f'{",".join(NAMES)}\n1,7,1,2020-01-31,"a,""b"""\n2,é,true,,\n')
    with patch("scoring.text_source.TextSource._copied", side_effect=AssertionError):
        rows = read(path, TextFormat(delimiter=","), 9, keep_errors=False)
    assert not isinstance(rows, str)
    assert [row[1] for row in rows] == [{"note": 'a,"b"', "job": "7"}, {"note": "", "job": "é"}]


@pytest.mark.parametrize(
    ("text", "is_read"),
    [
        ("x,y\n1,a\n", True),
        ('x,y\n"1","a, b"\n', True),
        ('x,y\n1," a"\n', False),
        ('x,y\n1,5" pipe\n', False),
        ("x,y\n1\n", False),
        ("x\n1\n", False),
        ("x,y\n1,\0\n", False),
    ],
)
def test_what_may_differ_is_left_to_the_other_reader(
    text: str, is_read: bool, tmp_path: Path
) -> None:
    path = tmp_path / "table.csv"
    path.write_text("x,y\n1,a\n" if "," in text else "x\n1\n")
    table = read_text_table(path, TextFormat(delimiter=","))
    path.write_text(text)
    columns = range(len(table.names))
    assert (arrow_table(table, Span(stop=len(text)), columns) is not None) is is_read
