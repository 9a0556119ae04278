import pyarrow as pa
import pytest

from models.data.remedies import ColumnError
from models.data.strings import Strings
from models.data.text_kinds import declared_numbers, text_kind


def strings(cells: list[str]) -> Strings:
    return Strings.of(pa.chunked_array([pa.array(cells, pa.large_string())]), ".")


def refusal(cells: list[str]) -> tuple[str, str]:
    """Return the message and the options of a refused column "x"."""
    with pytest.raises(ColumnError) as error:
        text_kind("t", "x", strings(cells))
    return str(error.value), str(error.value.remedy)


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", "-2.5e3", ".5", " 3 "], "number"),
        (["true", "False"], "boolean"),
        (["red", "blue", "1"], "category"),
        (["007", "12"], "category"),
        (["01234", "K1A 0B1"], "category"),
        (["?", "-"], "category"),
        (["1st", "2nd", "3rd"], "category"),
        (["12a", "12b", "14c"], "category"),
    ],
)
def test_the_kind_is_decided_on_the_strings(cells: list[str], kind: str) -> None:
    assert text_kind("t", "x", strings(cells)) == kind


@pytest.mark.parametrize(
    ("cells", "message", "options"),
    [
        (
            ["18", "-", "19", "."],
            "t, row 2: expected a number as in most of the column's rows, found '-'; read it as a "
            "missing value with `--missing -,.`",
            "`--missing -,.`",
        ),
        (
            ["?", "?", "?", "3.5"],
            "t, row 1: expected a number as in most of the column's rows, found '?'; read it as a "
            "missing value with `--missing '?'`",
            "`--missing '?'`",
        ),
        (
            ["$5.00", "$6.50", "-"],
            "t, row 1: expected plain numbers, found '$5.00'; read the column as numbers with "
            "`--column x=number`, or keep the strings as categories with `--column x=category`",
            "`--column x=number`",
        ),
        (
            ["1.234,50 €", "12,00 €"],
            "t, row 1: expected '.' in decimal numbers, found '1.234,50 €'; read the table's "
            "numbers with `--decimal ,`, or keep the strings as categories with "
            "`--column x=category`",
            "`--decimal ,`",
        ),
        (
            ["7,5%", "12,25%"],
            "t, row 1: expected '.' in decimal numbers, found '7,5%'; read the table's numbers "
            "with `--decimal ,`, or keep the strings as categories with `--column x=category`",
            "`--decimal ,`",
        ),
        (
            ["1,234", "950"],
            "t, row 1: expected plain numbers, found '1,234'; read the column as numbers with "
            "`--column x=number`, or decimal marks with `--decimal ,`, or keep the strings as "
            "categories with `--column x=category`",
            "`--column x=number`",
        ),
        (
            ["3,5", "4,25"],
            "t, row 1: expected '.' in decimal numbers, found '3,5'; read the table's numbers with "
            "`--decimal ,`, or keep the strings as categories with `--column x=category`",
            "`--decimal ,`",
        ),
        (
            ["1/31/2026", "2/1/2026"],
            "t, row 1: found the date '1/31/2026'; read dates with `--column x=date`, or keep the "
            "strings as categories with `--column x=category`",
            "`--column x=date`",
        ),
        (
            ["1/2/2026", "3/2/2026"],
            "t, row 1: found the date '1/2/2026', whose day and month cannot be distinguished in "
            "any row; read it with `--column x=date:%d/%m/%Y` if the day is first, or with "
            "`--column x=date:%m/%d/%Y` if the month is",
            "`--column x=date:%d/%m/%Y`",
        ),
        (
            ["K", "1", "2", "3"],
            "t, row 1: expected a number as in most of the column's rows, found the string 'K'; "
            "correct it, read it as a missing value with `--missing K`, or keep the strings as "
            "categories with `--column x=category`",
            "`--column x=category`",
        ),
        (
            [*map(str, range(50)), "old"],
            "t, row 51: expected a number as in most of the column's rows, found the string 'old'; "
            "correct it, read it as a missing value with `--missing old`, or keep the strings as "
            "categories with `--column x=category`",
            "`--missing old`",
        ),
        (
            [f"{number:04}" for number in range(101)],
            "t: expected at most 100 different codes, found 101 codes with leading zeros such as "
            "'0000'; leave the column out with `--exclude x`, or read the codes as numbers with "
            "`--column x=number`",
            "`--exclude x`",
        ),
        (
            [f"{number} and {number % 7}" for number in range(101)] * 2,
            "t: expected numbers or at most 100 different strings, found 101 strings such as "
            "'0 and 0'; leave the column out with `--exclude x`",
            "`--exclude x`",
        ),
    ],
)
def test_nearly_numbers_and_dates_are_refused_with_the_option_that_reads_them(
    cells: list[str], message: str, options: str
) -> None:
    assert refusal(cells) == (message, options)


def test_declared_numbers_have_their_values_and_their_unit() -> None:
    numbers, unit = declared_numbers("t", strings(["1,000 kg", "2 kg", "1,000 kg"]))
    assert (numbers.tolist(), unit) == ([1000, 2, 1000], "kg")
