import gzip
from pathlib import Path

import pytest
from highway_client.description import Column, Input, TextFormat
from highway_client.errors import FileError
from highway_client.files.rows import FileRows
from highway_client.files.tables import read_table

from tests.client.conftest import IMAGE, PEOPLE, named


def read(folder: Path, text: str | bytes) -> FileRows:
    path = folder / "people.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_table(path, PEOPLE)


def test_cells_become_numbers_and_categories(tmp_path: Path) -> None:
    result = read(tmp_path, "job,age,member\nnurse,41,True\npilot, 3e1 ,false\n")
    assert named(result) == [
        {"age": 41, "job": "nurse", "member": "true"},
        {"age": 30, "job": "pilot", "member": "false"},
    ]
    assert result.notes == ()


def test_empty_cells_and_na_are_missing_values(tmp_path: Path) -> None:
    result = read(tmp_path, "age,job,member\n,NA,\nNaN,,null\n")
    assert named(result) == [dict.fromkeys(("age", "job", "member"))] * 2


def test_other_columns_are_ignored_with_a_note(tmp_path: Path) -> None:
    result = read(tmp_path, "id,age,job,member,bought\n1,41,nurse,true,yes\n")
    assert named(result) == [{"age": 41, "job": "nurse", "member": "true"}]
    assert result.notes == (
        f"{tmp_path}/people.csv: ignored columns that the model does not read: 'id', 'bought'",
    )


def test_a_byte_order_mark_quotes_and_empty_lines_are_read(tmp_path: Path) -> None:
    text = '\ufeffage,job,member,"a ""note"", long"\r\n\r\n1,nurse,true,"x\r\ny"\r\n'
    assert named(read(tmp_path, text)) == [{"age": 1, "job": "nurse", "member": "true"}]


def test_white_space_around_cells_is_removed_unless_it_is_in_quotes(tmp_path: Path) -> None:
    result = read(tmp_path, "age, job ,member\n 41 , nurse,\tTRUE\n7,NA ,\u00a0\n")
    assert named(result) == [
        {"age": 41, "job": "nurse", "member": "true"},
        {"age": 7, "job": None, "member": None},
    ]
    with pytest.raises(FileError, match=r"found ' nurse'$"):
        named(read(tmp_path, 'age,job,member\n1," nurse",true\n'))


def test_other_delimiters_encodings_and_compressions_are_read(tmp_path: Path) -> None:
    text = "age;job;member;größe\n41;nurse;true;1,5\n".encode("cp1252")
    expected = [{"age": 41, "job": "nurse", "member": "true"}]
    result = read(tmp_path, text)
    assert named(result) == expected
    assert len(result.notes) == 3
    (tmp_path / "people.csv.gz").write_bytes(gzip.compress(text))
    assert named(read_table(tmp_path / "people.csv.gz", PEOPLE)) == expected


def described(column: Column, text: TextFormat) -> Input:
    return Input(kind="table", shape=(1,), unit="value", columns=(column,), text=text)


def read_cell(folder: Path, cell: str, column: Column, text: TextFormat) -> object:
    path = folder / "t.csv"
    path.write_text(f"v\n{cell}\n")
    form = described(column, text)
    (row,) = named(read_table(path, form), form.columns)
    return row["v"]


def test_declared_marks_are_missing_values(tmp_path: Path) -> None:
    text = TextFormat(missing=("-", "?"))
    for cell in ("-", "?", " - ", "NA"):
        assert read_cell(tmp_path, cell, Column(name="v"), text) is None


def test_a_declared_number_may_have_separators_and_the_unit_of_training(tmp_path: Path) -> None:
    column, text = Column(name="v", unit="kg"), TextFormat(columns=(("v", "number"),))
    for cell in ('"1,234 kg"', '"1,234"', "1234", "1234 kg"):
        assert read_cell(tmp_path, cell, column, text) == 1234
    with pytest.raises(FileError, match=r"expected a number in the unit 'kg', found '5 lb'$"):
        read_cell(tmp_path, "5 lb", column, text)
    with pytest.raises(FileError, match=r"expected a number, found '5 lb'$"):
        read_cell(tmp_path, "5 lb", Column(name="v"), text)


def test_a_decimal_comma_is_read_as_in_training(tmp_path: Path) -> None:
    text = TextFormat(decimal=",")
    assert read_cell(tmp_path, '"1,5"', Column(name="v"), text) == 1.5
    with pytest.raises(FileError, match=r"expected a number, found '1\.5'$"):
        read_cell(tmp_path, "1.5", Column(name="v"), text)


def test_dates_become_days(tmp_path: Path) -> None:
    text = TextFormat()
    assert read_cell(tmp_path, "1970-01-03", Column(name="v", date="iso"), text) == 2
    assert read_cell(tmp_path, "3/1/1970", Column(name="v", date="%d/%m/%Y"), text) == 2
    assert read_cell(tmp_path, "NA", Column(name="v", date="iso"), text) is None
    with pytest.raises(FileError, match=r"column 'v': expected a date of ISO 8601, found '1/2'$"):
        read_cell(tmp_path, "1/2", Column(name="v", date="iso"), text)
    with pytest.raises(FileError, match=r"expected a date as in '%d/%m/%Y', found '1970-01-03'$"):
        read_cell(tmp_path, "1970-01-03", Column(name="v", date="%d/%m/%Y"), text)


def test_names_are_the_same_however_their_accents_are_written(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("cafe\u0301\n1\n")
    row = described(Column(name="caf\u00e9"), TextFormat())
    assert named(read_table(path, row), row.columns) == [{"caf\u00e9": 1}]


HEAD = "age,job,member\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", ": expected a line of column names, found an empty file"),
        ("age,member\n1,true\n", ": expected the column 'job', found 'age', 'member'"),
        ("age,age,job,member\n", ": expected each column's name once, found 'age' again; rename "
         "one"),
        (HEAD, ": expected rows below the header line, found none"),
        (HEAD + "1,nurse\n", ", row 1 (line 2): expected 3 cells, one for each column, found "
         "2"),
        (HEAD + "old,nurse,true\n", ", line 2, column 'age': expected a number, found 'old'"),
        (HEAD + "inf,nurse,true\n", ", line 2, column 'age': expected a number, found 'inf'"),
        (HEAD + "1,cook,true\n", ", line 2, column 'job': expected one of 'nurse', 'pilot', found "
         "'cook'"),
        (HEAD + "1,nurse,yes\n", ", line 2, column 'member': expected one of 'false', 'true', "
         "found 'yes'"),
        (HEAD + "1,nurse,2\n", ", line 2, column 'member': expected one of 'false', 'true', "
         "found '2'"),
        (HEAD + "1e39,nurse,\n", ", line 2, column 'age': expected a number between ±3.4e+38, "
         "found '1e39'"),
        (HEAD + "1e999,nurse,\n", ", line 2, column 'age': expected a number between ±3.4e+38, "
         "found '1e999'"),
        (HEAD + "0x1A,nurse,\n", ", line 2, column 'age': expected a number, found '0x1A'"),
        (HEAD + "1_000,nurse,\n", ", line 2, column 'age': expected a number, found '1_000'"),
        (HEAD + "١٢,nurse,\n", ", line 2, column 'age': expected a number, found '١٢'"),
        (HEAD + "-,nurse,\n", ", line 2, column 'age': expected a number, found '-'"),
        (HEAD + '"1,234",nurse,\n', ", line 2, column 'age': expected a number, found '1,234'"),
        (HEAD + "1,nurse,\n\n2,nurse,true\n3,cook,\n", ", line 5, column 'job': expected one of "
         "'nurse', 'pilot', found 'cook'"),
        (HEAD + '1,"nurse,true\n', ", line 2: expected a closing quote at the end of the cell "
         "that begins with '\"nurse,true\\n', found none"),
        (b"age,job,member\n1,\x81,true\n", ", line 2: expected UTF-8, found the byte 0x81; name "
         "the encoding with --encoding (for example cp1252), or save the file as UTF-8"),
    ],
)  # fmt: skip
def test_a_cell_that_does_not_fit_is_an_error_with_its_position(
    text: str | bytes, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(FileError) as caught:
        named(read(tmp_path, text))
    assert str(caught.value) == f"{tmp_path}/people.csv{reason}"


def test_a_long_list_of_names_is_cut(tmp_path: Path) -> None:
    names = ",".join(f"c{n}" for n in range(12))
    with pytest.raises(FileError, match=r"'c9' and 2 more$"):
        named(read(tmp_path, f"{names}\n"))


def test_a_directory_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileError) as caught:
        read_table(tmp_path, PEOPLE)
    assert str(caught.value) == (f"{tmp_path}: expected a file, found a folder, a pipe or a device")


def test_a_model_of_images_reads_no_table(tmp_path: Path) -> None:
    with pytest.raises(FileError) as caught:
        read_table(tmp_path / "people.csv", IMAGE)
    assert str(caught.value) == (
        f"{tmp_path}/people.csv: expected a picture or an array, because the model reads images"
    )


def test_a_boolean_column_takes_1_and_0_as_training_does(tmp_path: Path) -> None:
    result = read(tmp_path, HEAD + "1,nurse,1\n2,nurse,0\n3,nurse,True\n")
    assert named(result) == [
        {"age": number, "job": "nurse", "member": word}
        for number, word in ((1, "true"), (2, "false"), (3, "true"))
    ]
