import pyarrow as pa

from models.data.strings import Strings


def strings(*cells: str | None, decimal: str = ".") -> Strings:
    return Strings.of(pa.chunked_array([pa.array(cells, pa.large_string())]), decimal)


def test_distinct_strings_are_in_order_of_their_first_rows() -> None:
    column = strings("b", None, "a", "b")
    assert column.distinct.to_pylist() == ["b", "a"]
    assert column.index.tolist() == [0, -1, 1, 0]
    assert column.counts.tolist() == [2, 1]
    assert (column.text(1), column.row(1)) == ("a", 3)


def test_several_chunks_are_one_column() -> None:
    chunks = [pa.array(["a"], pa.large_string()), pa.array(["b", "a"], pa.large_string())]
    assert Strings.of(pa.chunked_array(chunks), ".").index.tolist() == [0, 1, 0]


def test_numbers_codes_and_other_strings_are_distinguished() -> None:
    column = strings("1", " 2.5 ", "01", "-00.5", "0.5", "1e5", "0x1A", "1_000", "٣", "e5", ".")
    assert column.are_numbers.tolist() == [*[True] * 6, *[False] * 5]
    assert column.are_codes.tolist() == [False, False, True, True, *[False] * 7]


def test_values_are_read_with_the_decimal_mark() -> None:
    assert strings("+1", " 2.5 ", "1e3").values().tolist() == [1, 2.5, 1000]
    assert strings("3,5", "4", decimal=",").values().tolist() == [3.5, 4]


def test_true_and_false_are_booleans_in_any_case_and_1_and_0_beside_them() -> None:
    mixed = strings("TRUE", " false", "1", "0")
    assert mixed.are_booleans
    assert mixed.booleans == (True, False, True, False)
    assert not strings("1", "0").are_booleans  # numbers
    assert not strings("true", "2").are_booleans
    assert not strings(None).are_booleans


def test_values_of_distinct_strings_are_expanded_to_rows() -> None:
    column = strings("2", None, "1", "2")
    assert str(column.expand(column.values()).tolist()) == "[2.0, nan, 1.0, 2.0]"
