import json
from dataclasses import replace
from typing import Any

import pytest

from service.contract import (
    Column,
    ContractError,
    Input,
    Metadata,
    TextFormat,
    is_date_format,
    precision,
)
from tests.service.conftest import METADATA, TABLE


@pytest.mark.parametrize("metadata", [METADATA, TABLE])
def test_metadata_reads_back_as_it_was_written(metadata: Metadata) -> None:
    assert Metadata.from_props(metadata.to_props()) == metadata


def test_an_image_in_colour_reads_back_as_it_was_written() -> None:
    metadata = replace(METADATA, input=Input(kind="image", shape=(5, 4, 3), unit="pixel"))
    assert Metadata.from_props(metadata.to_props()) == metadata


def test_a_column_is_written_with_its_name_and_categories() -> None:
    columns = json.loads(TABLE.to_props()["highway.input"])["columns"]
    rest = {"date": None, "unit": ""}
    assert columns == [
        {"name": "age", "categories": [], **rest},
        {"name": "job", "categories": ["nurse", "teacher", "pilot"], **rest},
        {"name": "member", "categories": ["false", "true"], **rest},
        {"name": "income", "categories": [], **rest},
    ]


def test_dates_units_and_the_text_format_read_back_as_they_were_written() -> None:
    text = TextFormat(
        columns=(("when", "date:%d/%m/%Y"), ("mass", "number"), ("job", "category")),
        missing=("-", "?"),
        decimal=",",
        delimiter=";",
        encoding="cp1252",
        keep_spaces=True,
    )
    columns = (Column(name="when", date="%d/%m/%Y"), Column(name="mass", unit="kg"))
    row = Input(kind="table", shape=(2,), unit="value", columns=columns, text=text)
    metadata = replace(TABLE, input=row)
    assert Metadata.from_props(metadata.to_props()) == metadata


def test_older_files_have_no_dates_units_and_text_format() -> None:
    row = {"kind": "table", "shape": [1], "unit": "value", "low": None, "high": None}
    column = {"name": "age", "categories": []}
    props = {"highway.input": json.dumps({**row, "columns": [column]})}
    read = Metadata.from_props(TABLE.to_props() | props).input
    assert read.columns == (Column(name="age", date=None, unit=""),)
    assert read.text == TextFormat()


@pytest.mark.parametrize("date_format", ["iso", "%d/%m/%Y", "%Y-%m", "%m/%d/%y %H:%M"])
def test_a_date_format_has_the_year(date_format: str) -> None:
    assert is_date_format(date_format)


@pytest.mark.parametrize("date_format", ["", "ISO", "%d/%m", "%Y%Y", "%q %Y", "%Y" + " " * 99])
def test_other_strings_are_no_date_formats(date_format: str) -> None:
    assert not is_date_format(date_format)


def test_every_value_is_json_under_its_prefix() -> None:
    props = METADATA.to_props()
    assert json.loads(props["highway.contract"]) == 4
    assert json.loads(props["highway.labels"]) == ["a", "b", "c"]
    assert all(key.startswith("highway.") for key in props)


def test_unknown_further_keys_are_ignored() -> None:
    assert Metadata.from_props({**METADATA.to_props(), "highway.later": "{", "x": ""}) == METADATA


@pytest.mark.parametrize("key", list(METADATA.to_props()))
def test_a_missing_key_is_named(key: str) -> None:
    props = METADATA.to_props()
    del props[key]
    with pytest.raises(ContractError) as error:
        Metadata.from_props(props)
    assert str(error.value) == (
        f"metadata '{key}': expected a value, found none; write the file with `highway export`"
    )


@pytest.mark.parametrize("version", ["1", "3", "5", "4.0", '"4"', "true", "null"])
def test_another_contract_version_is_refused(version: str) -> None:
    with pytest.raises(ContractError) as error:
        Metadata.from_props({**METADATA.to_props(), "highway.contract": version})
    assert str(error.value) == (
        f"metadata 'highway.contract': expected version 4, found {version}; "
        "export the model again with this release"
    )


IMAGE: dict[str, Any] = {
    **{"kind": "image", "shape": [2, 2], "unit": "pixel"},
    **{"low": None, "high": None, "columns": []},
}
AGE: dict[str, Any] = {"name": "age", "categories": []}
JOB: dict[str, Any] = {"name": "job", "categories": ["nurse", "pilot"]}
TABLE_ROW: dict[str, Any] = {**IMAGE, "kind": "table", "shape": [2], "columns": [AGE, JOB]}
LAYER = {"name": "l", "kind": "dense", "width": 2, "number": 1}
A_NAME = "1 to 100 letters, digits, '.', '_' or '-', other than '.' and '..'"
A_TABLE = "[columns] for a table"
AN_IMAGE = "[height, width] or [height, width, 3] for an image"
POSITIVE = "a number greater than 0"
COUNT = "columns by kind and shape"


def row(**changes: Any) -> tuple[str, dict[str, Any]]:
    return "input", {**TABLE_ROW, **changes}


def image(**changes: Any) -> tuple[str, dict[str, Any]]:
    return "input", {**IMAGE, **changes}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (("name", 5), "name': expected a valid string, found 5"),
        (("name", "a b"), f'name\': expected {A_NAME}, found "a b"'),
        (("name", ""), f'name\': expected {A_NAME}, found ""'),
        (("name", ".."), f'name\': expected {A_NAME}, found ".."'),
        (("name", "a\n"), f'name\': expected {A_NAME}, found "a\\n"'),
        (("name", "a" * 101), f"name': expected {A_NAME}, found \"{'a' * 99}…"),
        (("version", "1/2"), f'version\': expected {A_NAME}, found "1/2"'),
        (("version", None), "version': expected a valid string, found null"),
        (("labels", "abc"), 'labels\': expected a valid array, found "abc"'),
        (("labels", [1, 2]), "labels[0]': expected a valid string, found 1"),
        (("labels", ["a"]), "labels': expected at least two labels, found 1"),
        (("labels", ["a", "b", "b"]), 'labels\': expected distinct labels, found "b" twice'),
        (("layers", [1]), "layers[0]': expected an object, found 1"),
        (("layers", [LAYER, {}]), "layers[1]: name': expected a value, found none"),
        (
            ("layers", [{**LAYER, "width": True}]),
            "layers[0]: width': expected a valid integer, found true",
        ),
        (
            ("layers", [{**LAYER, "width": "5"}]),
            'layers[0]: width\': expected a valid integer, found "5"',
        ),
        (("layers", [{**LAYER, "number": 0}]), f"layers[0]: number': expected {POSITIVE}, found 0"),
        (("input", []), "input': expected an object, found an array"),
        (image(kind="sound"), "input: kind': expected 'image' or 'table', found \"sound\""),
        (row(shape=[2, 2]), f"input: shape': expected {A_TABLE}, found [2, 2]"),
        (row(shape=[0]), f"input: shape[0]': expected {POSITIVE}, found 0"),
        *(
            (image(shape=shape), f"input: shape': expected {AN_IMAGE}, found {shape}")
            for shape in ([], [4], [2, 2, 1], [2, 2, 3, 3])
        ),
        (image(shape=[2, 0]), f"input: shape[1]': expected {POSITIVE}, found 0"),
        (image(shape=[-1, 2, 3]), f"input: shape[0]': expected {POSITIVE}, found -1"),
        (image(shape=[2.0, 2]), "input: shape[0]': expected a valid integer, found 2.0"),
        (
            image(shape=[10**4000, 2]),
            "input: shape[0]': expected a number less than or equal to 2147483647, found 1000",
        ),
        (row(columns={}), "input: columns': expected a valid array, found an object"),
        (row(columns=["age", "job"]), 'input: columns[0]\': expected an object, found "age"'),
        (row(columns=[AGE]), f"input: columns': expected 2 {COUNT}, found 1"),
        (image(columns=[AGE]), f"input: columns': expected 0 {COUNT}, found 1"),
        (
            row(columns=[AGE, {**JOB, "name": "age"}]),
            'input: columns\': expected distinct names, found "age" twice',
        ),
        (
            row(columns=[AGE, {**JOB, "name": 1}]),
            "input: columns[1]: name': expected a valid string, found 1",
        ),
        (
            row(columns=[AGE, {**JOB, "categories": [False, True]}]),
            "input: columns[1]: categories[0]': expected a valid string, found false",
        ),
        (
            row(columns=[AGE, {**JOB, "date": "iso"}]),
            'input: columns[1]: date\': expected null for a column of categories, found "iso"',
        ),
        (
            row(columns=[{**AGE, "date": "%d/%m"}, JOB]),
            "input: columns[0]: date': expected 'iso' or a format of strptime that has the year, "
            'found "%d/%m"',
        ),
        (
            row(columns=[{**AGE, "date": 1}, JOB]),
            "input: columns[0]: date': expected a valid string, found 1",
        ),
        (
            row(columns=[{**AGE, "unit": None}, JOB]),
            "input: columns[0]: unit': expected a valid string, found null",
        ),
        (row(text=[]), "input: text': expected an object, found an array"),
        (row(text={"decimal": ";"}), "input: text: decimal': expected '.' or ',', found \";\""),
        (
            row(text={"missing": "-"}),
            'input: text: missing\': expected a valid array, found "-"',
        ),
        (
            row(text={"keep_spaces": 1}),
            "input: text: keep_spaces': expected a valid boolean, found 1",
        ),
        (
            row(text={"columns": [["age"]]}),
            "input: text: columns[0][1]': expected a value, found none",
        ),
        *(
            (
                row(text={"columns": [["age", kind]]}),
                "input: text: columns[0][1]': expected 'number', 'category', 'date' or "
                f"'date:FORMAT', found \"{kind}\"",
            )
            for kind in ("text", "date:%d", "number:%Y", "")
        ),
        (
            row(columns=[AGE, {**JOB, "categories": ["nurse", "nurse"]}]),
            'input: columns[1]: categories\': expected distinct categories, found "nurse" twice',
        ),
        (image(high=10**400), "input: high': expected a finite number, found 1000"),
        (image(high=float("inf")), "input: high': expected a finite number, found Infinity"),
        (image(high=float("nan")), "input: high': expected a finite number, found NaN"),
        (image(low="0"), 'input: low\': expected a valid number, found "0"'),
        (("training", 1), "training': expected an object, found 1"),
        (("gate_baseline", 1), "gate_baseline': expected an object, found 1"),
        (("verification", 1), "verification': expected an object, found 1"),
    ],
)
def test_a_malformed_value_is_refused_with_its_location(
    value: tuple[str, object], message: str
) -> None:
    key, content = value
    with pytest.raises(ContractError) as error:
        Metadata.from_props({**METADATA.to_props(), f"highway.{key}": json.dumps(content)})
    assert str(error.value).startswith(f"metadata 'highway.{message}")
    assert len(str(error.value)) < 250


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("labels", "[a"),
        ("labels", '["a", "\\ud800"]'),
        ("labels", '["a", "\ud800"]'),
        ("training", "[" * 100_000),
        ("training", '{"a": ' + "1" * 5000 + "}"),
    ],
    ids=["open", "escaped surrogate", "surrogate", "nested too deep", "too many digits"],
)
def test_a_value_that_is_not_json_is_refused(key: str, text: str) -> None:
    with pytest.raises(ContractError) as error:
        Metadata.from_props({**METADATA.to_props(), f"highway.{key}": text})
    assert str(error.value) == f"metadata 'highway.{key}': expected JSON, found text that is not"


@pytest.mark.parametrize("value", ["int4", None, ["int8"]])
def test_another_precision_is_refused(value: object) -> None:
    metadata = replace(METADATA, verification={"precision": value})
    with pytest.raises(ContractError) as error:
        precision(metadata)
    assert str(error.value).startswith(
        "metadata 'highway.verification: precision': expected 'float32' or 'int8', found "
    )


def test_a_file_that_records_no_precision_is_float32() -> None:
    assert precision(METADATA) == "float32"


def too_many_columns(count: int) -> tuple[str, dict[str, Any]]:
    columns = [{"name": str(index), "categories": []} for index in range(count)]
    return row(shape=[count], columns=columns)


@pytest.mark.parametrize(
    ("key", "value", "location", "message"),
    [
        ("labels", list(map(str, range(10_001))), "labels", "at most 10,000 labels, found 10,001"),
        ("layers", [LAYER] * 1001, "layers", "at most 1,000 layers, found 1,001"),
        (
            *too_many_columns(100_001),
            "input: columns",
            "at most 100,000 columns, found 100,001",
        ),
        (
            *row(columns=[AGE, {"name": "job", "categories": list(map(str, range(1001)))}]),
            "input: columns[1]: categories",
            "at most 1,000 categories, found 1,001",
        ),
    ],
)
def test_what_no_network_of_this_project_has_is_refused(
    key: str, value: object, location: str, message: str
) -> None:
    props = {**METADATA.to_props(), f"highway.{key}": json.dumps(value)}
    with pytest.raises(ContractError) as error:
        Metadata.from_props(props)
    assert str(error.value) == f"metadata 'highway.{location}': expected {message}"
