"""A text is divided only where one of its records ends."""

from collections.abc import Iterator

import pytest
from highway_client.files.compression import Span
from highway_client.files.records import RecordReader
from hypothesis import given
from hypothesis import strategies as st

from scoring.text_spans import is_divisible, text_spans


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def test_a_text_is_divided_after_every_second_line() -> None:
    spans, records = text_spans([b"a,b\n1,2\n3,4\n5,6\n7,8"], ",", 2)
    assert spans == [
        Span(start=0, stop=8, line=1),
        Span(start=8, stop=16, line=3),
        Span(start=16, stop=19, line=5),
    ]
    assert records == 5


def test_a_line_end_in_quotes_is_no_end_of_a_record_but_counts_as_a_line() -> None:
    spans, records = text_spans([b'a,b\n"1\n1",2\n3,4\n'], ",", 2)
    assert spans == [Span(start=0, stop=12, line=1), Span(start=12, stop=16, line=4)]
    assert records == 3


def test_a_quote_inside_an_unquoted_cell_makes_a_text_indivisible() -> None:
    assert text_spans([b'a,b\n5" pipe,2\n3,4\n'], ",", 1) == (None, None)


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [("utf-8", True), ("cp1252", True), ("iso8859-15", True), ("utf-16", False), ("gbk", False)],
)
def test_an_encoding_in_which_a_line_end_is_one_byte_is_divisible(
    encoding: str, expected: bool
) -> None:
    assert is_divisible(encoding) is expected


CELLS = st.text('ab"\n\r, é', max_size=5)


@given(
    records=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=12),
    ends=st.sampled_from(["\n", "\r\n"]),
    lines=st.integers(1, 4),
    size=st.integers(1, 9),
)
def test_any_quoted_text_has_the_same_records_and_lines_in_parts(
    records: list[tuple[str, str]], ends: str, lines: int, size: int
) -> None:
    quoted = [['"' + cell.replace('"', '""') + '"' for cell in record] for record in records]
    text = "".join(",".join(record) + ends for record in quoted)
    data = text.encode()
    whole = RecordReader("x", ",", keep_spaces=False).read(text, 1, is_last=True)
    spans, count = text_spans(pieces(data, size), ",", lines)
    assert spans is not None
    assert count == len(records)
    assert [span.stop for span in spans][:-1] == [span.start for span in spans][1:]
    assert (spans[0].start, spans[-1].stop) == (0, len(data))
    found, numbers = [], []
    for span in spans:
        part = data[span.start : span.stop].decode()
        batch = RecordReader("x", ",", keep_spaces=False).read(part, span.line, is_last=True)
        found += batch.records
        numbers += list(batch.lines)
    assert (found, numbers) == (whole.records, list(whole.lines))


@given(text=st.text('ab1"\n\r,; ', max_size=60), lines=st.integers(1, 3), size=st.integers(1, 9))
def test_any_text_is_covered_by_its_spans_or_is_indivisible(
    text: str, lines: int, size: int
) -> None:
    data = text.encode()
    spans, _ = text_spans(pieces(data, size), ",", lines)
    if spans is not None:
        assert b"".join(data[span.start : span.stop] for span in spans) == data
