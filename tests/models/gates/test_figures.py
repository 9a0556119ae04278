from models.gates.figures import cut, rows_in_words
from tests.models.gates.conftest import report


def test_a_long_text_is_cut_to_one_line() -> None:
    assert cut("a name\nof two lines", 20) == "a name of two lines"
    assert cut("a name\nof two lines", 8) == "a name …"


def test_rows_are_named_with_their_data() -> None:
    assert rows_in_words(report([4])) == "1,437 rows, digits (train)"
