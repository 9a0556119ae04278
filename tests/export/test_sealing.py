from dataclasses import replace
from pathlib import Path

import onnx
import pytest

from export.errors import OutputError
from export.sealing import describe_model, model_version, sealed
from service.classifier import Classifier


@pytest.mark.parametrize(
    ("version", "stored"),
    [
        ("1", 1),
        ("20", 20),
        ("1.2.3", (1 << 48) + (2 << 32) + 3),
        ("1.2", 0),
        ("2026-11-rc1", 0),
        ("99999.0.0", 0),
        ("123456789012", 0),
    ],
)
def test_a_version_is_stored_as_onnx_stores_one_where_it_can(version: str, stored: int) -> None:
    assert model_version(version) == stored
    assert onnx.ModelProto(model_version=stored).model_version == stored


def test_any_onnx_tool_can_say_what_the_file_is(artifact_path: Path) -> None:
    model = onnx.load(artifact_path)
    assert model.model_version == 1
    assert model.producer_name == "highway-networks"
    assert model.doc_string.startswith(
        "digits-custom, version 1: a highway network of 3 highway layers that tells 10 labels "
        "apart, from images of 8×8 values (brightness). Each layer mixes what it computes"
    )


def test_what_is_said_does_not_depend_on_when(artifact_path: Path) -> None:
    model = onnx.load(artifact_path)
    before = model.doc_string
    describe_model(model, Classifier.load(artifact_path).metadata)
    assert model.doc_string == before


def test_a_name_that_looks_like_the_digests_place_is_refused(artifact_path: Path) -> None:
    model = onnx.load(artifact_path)
    metadata = replace(Classifier.load(artifact_path).metadata, name="0" * 64)
    with pytest.raises(OutputError) as error:
        sealed(model, metadata, {})
    assert str(error.value) == (
        "expected 64 zeros in the digest's place alone, found more; choose another --name"
    )
