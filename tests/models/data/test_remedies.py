from models.data.remedies import ColumnError, Remedy, TableError
from models.data.selection import Selection
from service.contract import TextFormat


def test_a_remedy_is_written_as_options_quoted_for_a_shell() -> None:
    remedy = Remedy(
        exclude=("id",), columns=(("my age", "number"),), missing=("-", "?"), decimal=","
    )
    assert str(remedy) == ("`--exclude id --column 'my age=number' --missing '-,?' --decimal ,`")


def test_remedies_add_up_and_an_excluded_column_needs_no_declaration() -> None:
    first = Remedy(columns=(("a", "number"), ("b", "date")), missing=("-",))
    second = Remedy(columns=(("b", "category"),), exclude=("a",), missing=("-", "?"))
    assert first + second == Remedy(
        exclude=("a",), columns=(("b", "category"),), missing=("-", "?")
    )


def test_a_remedy_changes_a_selection() -> None:
    selection = Selection(
        target="y",
        exclude=("id",),
        text=TextFormat(columns=(("a", "number"), ("b", "date")), missing=("-",)),
    )
    remedy = Remedy(exclude=("a",), columns=(("b", "category"),), missing=("?",), decimal=",")
    assert remedy.applied(selection) == Selection(
        target="y",
        exclude=("id", "a"),
        text=TextFormat(columns=(("b", "category"),), missing=("-", "?"), decimal=","),
    )


def test_one_problem_of_a_table_is_one_sentence() -> None:
    error = TableError("t.csv", [ColumnError("t.csv: column 'a': bad")], None)
    assert (str(error), error.options) == ("t.csv: column 'a': bad", ())


def test_several_problems_are_listed_without_the_name_of_the_table() -> None:
    problems = [ColumnError("t.csv: column 'a': bad"), ColumnError("t.csv: column 'b': worse")]
    error = TableError("t.csv", problems, Remedy(exclude=("a", "b")))
    assert str(error) == (
        "t.csv: the table has 2 problems:\n  column 'a': bad\n  column 'b': worse"
    )
    assert error.options == ("--exclude", "a", "--exclude", "b")
