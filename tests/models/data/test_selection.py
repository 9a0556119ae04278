import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.data.selection import (
    Selection,
    parse_columns,
    parse_missing,
    text_format,
    write_missing,
)
from models.errors import ConfigError
from service.contract import TextFormat


def declared(
    *,
    columns: dict[str, str] | None = None,
    missing: tuple[str, ...] = (),
    decimal: str = ".",
    delimiter: str | None = None,
    encoding: str | None = None,
) -> TextFormat:
    return text_format(
        columns=columns or {},
        missing=missing,
        decimal=decimal,
        delimiter=delimiter,
        encoding=encoding,
        keep_spaces=False,
    )


def test_a_column_is_declared_before_the_last_equals_sign() -> None:
    assert parse_columns(["age=number", "a=b=date:%d.%m.%Y"]) == {
        "age": "number",
        "a=b": "date:%d.%m.%Y",
    }


@pytest.mark.parametrize(
    ("declarations", "expected"),
    [
        (["age"], "--column: expected NAME=KIND such as age=number, found 'age'"),
        (
            ["age=number", "age=date"],
            "--column: column 'age' is declared as number and as date; keep one",
        ),
    ],
)
def test_a_declaration_without_a_kind_or_with_two_is_refused(
    declarations: list[str], expected: str
) -> None:
    with pytest.raises(ConfigError) as error:
        parse_columns(declarations)
    assert str(error.value) == expected


def test_missing_strings_are_separated_by_commas() -> None:
    assert parse_missing('-, ?,"1,5"," x "') == ("-", "?", "1,5", " x ")
    assert parse_missing("") == ()


@given(strings=st.lists(st.text('a ,"-', min_size=1), max_size=4))
def test_missing_strings_that_are_written_can_be_read(strings: list[str]) -> None:
    assert parse_missing(write_missing(strings)) == tuple(strings)


def test_declarations_have_one_form() -> None:
    text = declared(
        columns={"cafe\u0301": "category"},
        missing=("-", "?", "", "-"),
        delimiter="tab",
        encoding="Latin1",
    )
    assert text == TextFormat(
        columns=(("café", "category"),),
        missing=("-", "?"),
        delimiter="\t",
        encoding="iso8859-1",
    )


def test_a_selection_knows_the_declared_kind_of_a_column() -> None:
    selection = Selection(text=declared(columns={"age": "number"}))
    assert (selection.declared("age"), selection.declared("job")) == ("number", None)


@pytest.mark.parametrize("kind", ["number", "category", "date", "date:%d/%m/%y %H:%M"])
def test_every_kind_can_be_declared(kind: str) -> None:
    assert declared(columns={"x": kind}).columns == (("x", kind),)


@pytest.mark.parametrize("kind", ["int", "", "date:", "number:x", "Number"])
def test_an_unknown_kind_is_refused(kind: str) -> None:
    with pytest.raises(ConfigError) as error:
        declared(columns={"x": kind})
    assert str(error.value) == (
        f"--column: expected number, category, date or date:FORMAT for column 'x', found {kind!r}"
    )


@pytest.mark.parametrize("date_format", ["%d/%m", "%Y-%Q", "year"])
def test_a_date_format_must_be_one_of_strptime_with_a_year(date_format: str) -> None:
    with pytest.raises(ConfigError) as error:
        declared(columns={"x": f"date:{date_format}"})
    assert str(error.value) == (
        "--column: expected a FORMAT of strptime with a year, such as %d/%m/%Y, for column 'x', "
        f"found {date_format!r}"
    )


@pytest.mark.parametrize("mark", [";;", "a", "1", '"', "\n", ""])
def test_a_delimiter_is_one_mark(mark: str) -> None:
    with pytest.raises(ConfigError) as error:
        declared(delimiter=mark)
    assert str(error.value) == (
        f"--delimiter: expected one character such as ';', or tab, found {mark!r}"
    )


def test_an_unknown_encoding_or_decimal_mark_is_refused() -> None:
    with pytest.raises(ConfigError) as error:
        declared(encoding="klingon")
    assert str(error.value) == (
        "--encoding: expected an encoding such as utf-8, cp1252 or utf-16, found 'klingon'"
    )
    with pytest.raises(ConfigError) as error:
        declared(decimal=";")
    assert str(error.value) == "--decimal: expected '.' or ',', found ';'"
