import json
from typing import Any

import pytest

from service.contract import ContractError, Metadata, digest
from tests.service.conftest import METADATA


def test_metadata_reads_back_as_it_was_written() -> None:
    assert Metadata.from_props(METADATA.to_props()) == METADATA


def test_every_value_is_json_under_its_prefix() -> None:
    props = METADATA.to_props()
    assert json.loads(props["highway.contract"]) == 1
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


@pytest.mark.parametrize("version", ["2", "0", '"1"', "true", "null"])
def test_another_contract_version_is_refused(version: str) -> None:
    with pytest.raises(ContractError) as error:
        Metadata.from_props({**METADATA.to_props(), "highway.contract": version})
    assert str(error.value) == (
        f"metadata 'highway.contract': expected version 1, found {json.loads(version)!r}; "
        "export the model again with this release"
    )


IMAGE: dict[str, Any] = {
    **{"kind": "image", "shape": [2, 2], "unit": "pixel"},
    **{"low": None, "high": None, "features": []},
}
LAYER = {"name": "l", "kind": "dense", "width": 2, "number": 1}


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("name", 5, "name': expected a string, found int"),
        ("name", "a b", "name': expected letters, digits, '.', '_' or '-', found others"),
        ("name", "", "name': expected letters, digits, '.', '_' or '-', found others"),
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
            {**IMAGE, "kind": "table"},
            "input: shape': expected sizes above 0, one for a table, found [2, 2]",
        ),
        (
            "input",
            {**IMAGE, "shape": [0]},
            "input: shape': expected sizes above 0, one for a table, found [0]",
        ),
        (
            "input",
            {**IMAGE, "features": ["x"]},
            "input: features': expected 4 names, found 1",
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


def test_the_digest_of_a_file_does_not_depend_on_itself() -> None:
    empty = b"x" + b"0" * 64
    recorded = digest(empty, "0" * 64)
    assert digest(b"x" + recorded.encode(), recorded) == recorded
    assert digest(b"y" + recorded.encode(), recorded) != recorded
