import pyarrow as pa

from models.data.opened_table import OpenedTable
from service.contract import TextFormat

TABLE = pa.table({"cafe\u0301": [" a", "b"]})


def test_names_are_composed() -> None:
    opened = OpenedTable.of("t", TABLE, index_columns=("cafe\u0301",))
    assert (opened.table.column_names, opened.index_columns) == (["café"], ("café",))


def test_strings_of_a_typed_table_are_stripped_with_a_note() -> None:
    opened = OpenedTable.typed("t", TABLE, TextFormat(), notes=("first",))
    assert opened.table.to_pydict() == {"café": ["a", "b"]}
    assert opened.notes == (
        "first",
        "t: spaces around the strings of 'cafe\u0301' are removed; --keep-spaces keeps them",
    )


def test_spaces_can_be_kept() -> None:
    opened = OpenedTable.typed("t", TABLE, TextFormat(keep_spaces=True))
    assert (opened.table.to_pydict(), opened.notes) == ({"café": [" a", "b"]}, ())
