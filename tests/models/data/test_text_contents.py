import pyarrow as pa
import pytest

from models.data.strings import Strings
from models.data.text_contents import Contents, contents, other_decimal


def look_at(*cells: str | None) -> Contents:
    return contents(Strings.of(pa.chunked_array([pa.array(cells, pa.large_string())]), "."))


def test_strings_are_counted_by_their_look() -> None:
    found = look_at("1", "2", "$3", "4,5", "1/2/2026", "-", "-", "red")
    assert found.rows == {
        "number": 2,
        "decorated": 1,
        "other decimal": 1,
        "date": 1,
        "missing": 2,
        "text": 1,
    }
    assert found.of("missing") == (5,)
    assert found.of("text") == (6,)


def test_shares_leave_out_what_looks_missing() -> None:
    found = look_at("1", "?", "?", "?", "red")
    assert found.share("number") == 0.5
    assert look_at("?").share("number") == 0


@pytest.mark.parametrize("cells", [("12a", "12b"), ("1st", "2nd", "3rd"), ("A1", "B2")])
def test_strings_of_several_units_are_no_decorated_numbers(cells: tuple[str, ...]) -> None:
    assert look_at(*cells).of("decorated") == ()


@pytest.mark.parametrize("cells", [("5 kg", "6 kg"), ("$5", "$6"), ("1,000", "2,000"), ("5%",)])
def test_strings_of_one_unit_are_decorated_numbers(cells: tuple[str, ...]) -> None:
    assert len(look_at(*cells).of("decorated")) == len(cells)


def test_a_sample_of_many_strings_stands_for_all() -> None:
    cells = [f"word {number}" for number in range(5000)] + ["7"] * 1000
    assert look_at(*cells).share("number") == pytest.approx(1 / 6, rel=0.01)


def test_the_other_decimal_mark_of_the_point_is_the_comma() -> None:
    assert (other_decimal("."), other_decimal(",")) == (",", ".")
