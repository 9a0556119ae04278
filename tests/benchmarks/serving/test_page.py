import pytest

from benchmarks.serving.page import filled, optional, table
from benchmarks.serving.results import Results
from benchmarks.serving.tables import TABLES
from tests.conftest import ROOT


def test_a_table_takes_its_heads_from_the_first_row() -> None:
    assert table([{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]) == (
        "| a | b |\n| --- | --- |\n| 1 | x |\n| 2 | y |"
    )


def test_no_rows_are_told_as_such() -> None:
    assert table([]) == "Not measured."


def test_parts_replace_what_stands_between_their_marks() -> None:
    page = "before\n<!-- t -->\nold\n<!-- /t -->\nafter\n"
    new = "before\n<!-- t -->\n\nnew\n\n<!-- /t -->\nafter\n"
    assert filled(page, {"t": "new"}) == new
    assert filled(new, {"t": "new"}) == new


@pytest.mark.parametrize("page", ["", "<!-- t -->", "<!-- t --><!-- /t --><!-- t -->"])
def test_missing_or_doubled_marks_are_refused(page: str) -> None:
    with pytest.raises(ValueError, match="page: expected <!-- t --> and <!-- /t --> once each"):
        filled(page, {"t": "new"})


def test_no_number_is_a_dash() -> None:
    assert optional(None, ".1f") == "–"
    assert optional(1234.56, ",.1f") == "1,234.6"


def test_the_page_in_the_docs_tells_what_the_kept_results_hold() -> None:
    page = (ROOT / "docs" / "serving.md").read_text()
    results = Results.read(ROOT / "docs" / "serving" / "results.json")
    assert filled(page, {name: tell(results) for name, tell in TABLES.items()}) == page
