import gzip
import hashlib
import json
import urllib.request
from pathlib import Path

import pandas as pd
import pytest

from models.data.dataset import LabelledData
from models.data.frames import open_frame
from models.data.openml import open_openml
from models.data.selection import Selection
from models.data.table import table_rows
from models.errors import DataError
from service.contract import Column, TextFormat

ARFF = b"""@relation pets
@attribute age numeric
@attribute kind {cat, dog}
@attribute tame {no, yes}
@data
1.5,dog,yes
?,cat,no
"""
TYPES = {"age": "numeric", "kind": "nominal", "tame": "nominal"}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give scikit-learn an empty cache and a network without any server."""
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    urllib.request.install_opener(None)
    return tmp_path / "openml" / "openml.org"


def store(cache: Path, name: str, content: bytes) -> None:
    path = cache / f"{name}.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content))


def store_pets(
    cache: Path, *, targets: tuple[str, ...] = ("tame",), missing: tuple[str, ...] = ()
) -> None:
    """Fill the cache with OpenML's responses for the table "pets"."""
    listing = {"data": {"dataset": [{"did": 1, "version": 1}]}}
    description = {
        "id": "1",
        "name": "pets",
        "version": "1",
        "status": "active",
        "format": "ARFF",
        "description": "",
        "url": "https://www.openml.org/data/v1/download/1/pets.arff",
        "md5_checksum": hashlib.md5(ARFF).hexdigest(),
    }
    features = [
        {
            "index": str(index),
            "name": name,
            "data_type": kind,
            "is_ignore": "false",
            "is_row_identifier": "false",
            "is_target": "true" if name in targets else "false",
            "number_of_missing_values": "1" if name in missing else "0",
        }
        for index, (name, kind) in enumerate(TYPES.items())
    ]
    search = "api/v1/json/data/list/data_name/pets/limit/2"
    for name, response in {
        f"{search}/status/active/": listing,
        f"{search}/data_version/1": listing,
        "api/v1/json/data/1": {"data_set_description": description},
        "api/v1/json/data/features/1": {"data_features": {"feature": features}},
        "api/v1/json/data/qualities/1": {"data_qualities": {"quality": []}},
    }.items():
        store(cache, name, json.dumps(response).encode())
    store(cache, "data/v1/download/1/pets.arff", ARFF)


def read(name: str, target: str | None = None, exclude: tuple[str, ...] = ()) -> LabelledData:
    opened, found = open_openml(name, target, TextFormat())
    return table_rows(opened, Selection(target=found, exclude=exclude), None)


def message(name: str, target: str | None = None) -> str:
    with pytest.raises(DataError) as error:
        read(name, target)
    return str(error.value)


@pytest.mark.parametrize("name", ["pets", "pets:1"])
def test_openmls_default_target_is_used(cache: Path, name: str) -> None:
    store_pets(cache)
    data = read(name)
    assert (data.name, data.labels) == (f"openml:{name}", ("no", "yes"))
    assert data.input.columns == (
        Column(name="age"),
        Column(name="kind", categories=("cat", "dog")),
    )
    assert data.rows.x[0].tolist() == [1.5, 1]
    assert str(data.rows.x[1].tolist()) == "[nan, 0.0]"
    assert data.rows.y.tolist() == [1, 0]


def test_another_target_can_be_chosen_and_columns_excluded(cache: Path) -> None:
    store_pets(cache, missing=("tame",))  # ignored, because it is not the target
    data = read("pets", "kind", ("age",))
    assert data.labels == ("cat", "dog")
    assert [column.name for column in data.input.columns] == ["tame"]


def test_a_table_with_several_default_targets_needs_a_target(cache: Path) -> None:
    store_pets(cache, targets=("kind", "tame"))
    assert message("pets") == ("--target: name the column to predict, one of 'age', 'kind', 'tame'")


def test_an_unknown_target_is_refused(cache: Path) -> None:
    store_pets(cache)
    assert message("pets", "size") == (
        "--target: expected a column of openml:pets ('age', 'kind', 'tame'), found 'size'"
    )


@pytest.mark.usefixtures("cache")
def test_an_unreachable_server_is_reported() -> None:
    assert message("pets") == (
        "openml:pets: www.openml.org cannot be reached ([Errno 111] Connection refused); save the "
        "table as a CSV file and use that file"
    )


def test_a_table_that_scikit_learn_cannot_read_is_refused(cache: Path) -> None:
    store_pets(cache)
    store(cache, "api/v1/json/data/features/1", b'{"data_features": {"feature": []}}')
    assert message("pets") == (
        "openml:pets: scikit-learn cannot fetch the table: The number of columns provided by "
        "OpenML does not match the number of columns inferred by pandas when reading the file"
    )


def test_a_target_with_missing_values_is_refused(cache: Path) -> None:
    store_pets(cache, missing=("tame",))
    assert message("pets") == (
        "openml:pets: scikit-learn cannot fetch the table: Target column 'tame' has 1 missing "
        "values. Missing values are not supported for target columns"
    )


def test_a_column_of_mixed_types_is_refused() -> None:
    frame = pd.DataFrame({"a": ["x", 1], "y": ["p", "q"]}, dtype=object)
    with pytest.raises(DataError) as error:
        open_frame(frame, "openml:pets", TextFormat())
    assert str(error.value) == (
        "openml:pets: cannot be converted to Arrow: Conversion failed for column a with type object"
    )


@pytest.mark.parametrize("name", ["", "pets:", "pets:0", "pets:new", "my pets", "../pets"])
def test_an_invalid_openml_name_is_refused(name: str) -> None:
    assert message(name) == (
        f"data: expected openml:NAME or openml:NAME:VERSION, found openml:{name}"
    )
