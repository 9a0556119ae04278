import pytest

from benchmarks.serving.page import counted, filled, optional, table
from benchmarks.serving.results import Results
from benchmarks.serving.tables import TABLES
from docs.draw_serving import USER_TABLES
from tests.conftest import ROOT


def test_a_table_has_the_keys_of_the_first_row_as_headings() -> None:
    assert table([{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]) == (
        "| a | b |\n| --- | --- |\n| 1 | x |\n| 2 | y |"
    )


def test_a_table_without_rows_is_a_sentence() -> None:
    assert table([]) == "Not measured."


def test_parts_replace_the_text_between_their_markers() -> None:
    page = "before\n<!-- t -->\nold\n<!-- /t -->\nafter\n"
    new = "before\n<!-- t -->\n\nnew\n\n<!-- /t -->\nafter\n"
    assert filled(page, {"t": "new"}) == new
    assert filled(new, {"t": "new"}) == new


@pytest.mark.parametrize("page", ["", "<!-- t -->", "<!-- t --><!-- /t --><!-- t -->"])
def test_missing_and_repeated_markers_are_errors(page: str) -> None:
    with pytest.raises(ValueError, match="page: expected <!-- t --> and <!-- /t --> once each"):
        filled(page, {"t": "new"})


def test_a_missing_number_is_a_dash() -> None:
    assert optional(None, ".1f") == "–"
    assert optional(1234.56, ",.1f") == "1,234.6"


def test_a_noun_is_in_the_plural_unless_there_is_one() -> None:
    assert counted(1, "row") == "1 row"
    assert counted(2, "row") == "2 rows"


def test_the_pages_have_the_tables_of_the_results() -> None:
    results = Results.read(ROOT / "docs" / "serving" / "results.json")
    tables = {name: table_of(results) for name, table_of in TABLES.items()}
    page = (ROOT / "docs" / "measurements" / "serving.md").read_text()
    assert filled(page, tables) == page
    page = (ROOT / "docs" / "serving.md").read_text()
    assert filled(page, {name: tables[name] for name in USER_TABLES}) == page
