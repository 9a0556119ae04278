import json
from dataclasses import replace
from typing import Any

import pytest

from service.contract import ContractError, Input, Metadata
from tests.service.conftest import METADATA, TABLE


@pytest.mark.parametrize("metadata", [METADATA, TABLE])
def test_metadata_reads_back_as_it_was_written(metadata: Metadata) -> None:
    assert Metadata.from_props(metadata.to_props()) == metadata


def test_an_image_in_colour_reads_back_as_it_was_written() -> None:
    metadata = replace(METADATA, input=Input(kind="image", shape=(5, 4, 3), unit="pixel"))
    assert Metadata.from_props(metadata.to_props()) == metadata


def test_a_column_is_written_with_its_name_and_categories() -> None:
    columns = json.loads(TABLE.to_props()["highway.input"])["columns"]
    assert columns == [
        {"name": "age", "categories": []},
        {"name": "job", "categories": ["nurse", "teacher", "pilot"]},
        {"name": "member", "categories": ["false", "true"]},
        {"name": "income", "categories": []},
    ]


def test_every_value_is_json_under_its_prefix() -> None:
    props = METADATA.to_props()
    assert json.loads(props["highway.contract"]) == 2
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
        f"metadata '{key}': expected a value, found none; "
        "write the file with `python -m export onnx`"
    )


@pytest.mark.parametrize("version", ["1", "3", '"2"', "true", "null"])
def test_another_contract_version_is_refused(version: str) -> None:
    with pytest.raises(ContractError) as error:
        Metadata.from_props({**METADATA.to_props(), "highway.contract": version})
    assert str(error.value) == (
        f"metadata 'highway.contract': expected version 2, found {json.loads(version)!r}; "
        "export the model again with this release"
    )


IMAGE: dict[str, Any] = {
    **{"kind": "image", "shape": [2, 2], "unit": "pixel"},
    **{"low": None, "high": None, "columns": []},
}
AGE: dict[str, Any] = {"name": "age", "categories": []}
JOB: dict[str, Any] = {"name": "job", "categories": ["nurse", "pilot"]}
ROW: dict[str, Any] = {**IMAGE, "kind": "table", "shape": [2], "columns": [AGE, JOB]}
HOW_MANY = "an image has none, a table as many as its shape says"
AN_IMAGE = "a height and a width above 0, and 3 for colours, for an image"
LAYER = {"name": "l", "kind": "dense", "width": 2, "number": 1}


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("name", 5, "name': expected a string, found int"),
        ("name", "a b", "name': expected letters, digits, '.', '_' or '-', found others"),
        ("name", "", "name': expected letters, digits, '.', '_' or '-', found others"),
        ("name", "..", "name': expected a name that is no step in a path, found '..'"),
        ("name", "a" * 101, "name': expected at most 100 letters, found 101"),
        ("version", "1/2", "version': expected letters, digits, '.', '_' or '-', found others"),
        ("version", None, "version': expected a string, found NoneType"),
        ("labels", "abc", "labels': expected a list of strings, found str"),
        ("labels", [1, 2], "labels': expected a list of strings, found other items"),
        ("labels", ["a"], "labels': expected at least two labels, found 1"),
        ("labels", ["a", "a"], "labels': expected labels that differ, found the same label twice"),
        ("layers", [1], "layers': expected a list of objects, found other items"),
        ("layers", [{}], "layers: name': expected a string, found NoneType"),
        (
            "layers",
            [{**LAYER, "width": True}],
            "layers: width': expected a whole number, found bool",
        ),
        (
            "layers",
            [{**LAYER, "number": 0}],
            "layers: number': expected a whole number above 0, found 0",
        ),
        ("input", [], "input': expected an object, found list"),
        (
            "input",
            {**IMAGE, "kind": "sound"},
            "input: kind': expected 'image' or 'table', found 'sound'",
        ),
        (
            "input",
            {**ROW, "shape": [2, 2]},
            "input: shape': expected one size above 0 for a table, found [2, 2]",
        ),
        (
            "input",
            {**ROW, "shape": [0]},
            "input: shape': expected one size above 0 for a table, found [0]",
        ),
        *(
            (
                "input",
                {**IMAGE, "shape": shape},
                f"input: shape': expected {AN_IMAGE}, found {shape}",
            )
            for shape in ([], [4], [2, 0], [2, 2, 1], [2, 2, 3, 3], [-1, 2, 3])
        ),
        (
            "input",
            {**IMAGE, "shape": [2.0, 2]},
            "input: shape': expected a list of whole numbers, found other items",
        ),
        (
            "input",
            {**ROW, "columns": {}},
            "input: columns': expected a list of objects, found dict",
        ),
        (
            "input",
            {**ROW, "columns": ["age", "job"]},
            "input: columns': expected a list of objects, found other items",
        ),
        (
            "input",
            {**ROW, "columns": [AGE]},
            f"input: columns': expected 2 columns, found 1; {HOW_MANY}",
        ),
        (
            "input",
            {key: value for key, value in ROW.items() if key != "columns"},
            "input: columns': expected a list of objects, found NoneType",
        ),
        (
            "input",
            {**IMAGE, "columns": [AGE]},
            f"input: columns': expected 0 columns, found 1; {HOW_MANY}",
        ),
        (
            "input",
            {**ROW, "columns": [AGE, {**JOB, "name": "age"}]},
            "input: columns': expected names that differ, found the same name twice",
        ),
        (
            "input",
            {**ROW, "columns": [AGE, {**JOB, "name": 1}]},
            "input: columns: name': expected a string, found int",
        ),
        (
            "input",
            {**ROW, "columns": [AGE, {"name": "job"}]},
            "input: columns: categories': expected a list of strings, found NoneType",
        ),
        (
            "input",
            {**ROW, "columns": [AGE, {**JOB, "categories": [False, True]}]},
            "input: columns: categories': expected a list of strings, found other items",
        ),
        (
            "input",
            {**ROW, "columns": [AGE, {**JOB, "categories": ["nurse", "nurse"]}]},
            "input: columns: categories': expected categories that differ, found the same category "
            "twice",
        ),
        *(
            (
                "input",
                {**IMAGE, "high": high},
                "input: high': expected a finite number of 64 bits, found another",
            )
            for high in (10**400, float("inf"), float("nan"))
        ),
        (
            "input",
            {**IMAGE, "low": "0"},
            "input: low': expected a number or null, found str",
        ),
        ("training", 1, "training': expected an object, found int"),
        ("gate_baseline", 1, "gate_baseline': expected an object, found int"),
        ("verification", 1, "verification': expected an object, found int"),
    ],
)
def test_a_malformed_value_is_told_with_its_place(key: str, value: object, message: str) -> None:
    with pytest.raises(ContractError) as error:
        Metadata.from_props({**METADATA.to_props(), f"highway.{key}": json.dumps(value)})
    assert str(error.value) == f"metadata 'highway.{message}"


@pytest.mark.parametrize("text", ["[a", '["a", "\\ud800"]'])
def test_text_that_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(ContractError) as error:
        Metadata.from_props({**METADATA.to_props(), "highway.labels": text})
    assert str(error.value) == "metadata 'highway.labels': expected JSON, found text that is not"


def test_lists_nested_too_deep_to_read_are_refused() -> None:
    with pytest.raises(ContractError) as error:
        Metadata.from_props({**METADATA.to_props(), "highway.training": "[" * 100_000})
    assert str(error.value) == "metadata 'highway.training': expected JSON, found text that is not"
