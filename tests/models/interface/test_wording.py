import pytest

from models.data.remedies import ColumnError, Remedy, TableError
from models.errors import ConfigError
from models.interface.wording import in_python_words, python_words


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("--batch-size: expected 2", "batch_size: expected 2"),
        ("try --class-weight balanced", "try class_weight='balanced'"),
        ("--column: no kind", "columns: no kind"),
        ("found '--target'", "found '--target'"),
        (
            f"read it with {Remedy(missing=('-', '?'), decimal=',')}",
            "read it with `missing=['-', '?'], decimal=','`",
        ),
        (
            f"leave it out with {Remedy(exclude=('a b',), columns=(('c=d', 'date'),))}",
            "leave it out with `exclude=['a b'], columns={'c=d': 'date'}`",
        ),
    ],
)
def test_options_become_arguments(message: str, expected: str) -> None:
    assert python_words(message) == expected


def test_an_error_keeps_its_kind() -> None:
    with pytest.raises(ConfigError) as error, in_python_words():
        raise ConfigError("--epochs: expected 1, found 0")
    assert str(error.value) == "epochs: expected 1, found 0"


def test_several_problems_end_with_the_arguments_that_mend_all() -> None:
    remedy = Remedy(exclude=("id",), columns=(("price", "number"),))
    problems = [ColumnError("t: column 'id'"), ColumnError("t: column 'price'")]
    with pytest.raises(TableError) as error, in_python_words():
        raise TableError("t", problems, remedy)
    assert str(error.value) == (
        "t: the table has 2 problems:\n  column 'id'\n  column 'price'\n"
        "it can be read with exclude=['id'], columns={'price': 'number'}"
    )


def test_a_notebook_shows_one_sentence_instead_of_a_traceback() -> None:
    assert ConfigError("seed: missing")._render_traceback_() == ["ConfigError: seed: missing"]
