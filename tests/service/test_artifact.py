import errno
from pathlib import Path

import numpy as np
import pytest

from service.artifact import MAX_BYTES, read_artifact
from service.classifier import Classifier
from service.contract import ContractError, digest
from tests.service.conftest import Recipe


def refused(path: Path) -> str:
    with pytest.raises(ContractError) as error:
        read_artifact(path)
    return str(error.value).replace(str(path), "FILE")


def test_an_artifact_is_read_whole(file: Path) -> None:
    assert read_artifact(file) == Recipe().build()


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    message = "FILE: expected an .onnx file, found No such file or directory"
    assert refused(tmp_path / "no.onnx") == message


def test_a_directory_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path) == "FILE: expected an .onnx file, found a directory"


def test_a_device_is_refused() -> None:
    assert refused(Path("/dev/null")) == "FILE: expected an .onnx file, found something else"


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.onnx").touch()
    assert refused(tmp_path / "empty.onnx") == "FILE: expected an .onnx file, found an empty file"


def test_a_file_too_large_is_refused_without_reading_it(tmp_path: Path) -> None:
    path = tmp_path / "large.onnx"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    assert refused(path) == "FILE: expected at most 1,073,741,824 bytes, found 1,073,741,825"


def test_a_file_changed_after_it_was_verified_is_refused() -> None:
    content = Recipe().build().replace(b'["a", "b", "c"]', b'["a", "c", "b"]')
    with pytest.raises(ContractError) as error:
        Classifier(content)
    assert str(error.value).startswith("digest: expected ")
    assert str(error.value).endswith(
        "…: the file was changed after it was verified; export it again"
    )


def test_a_changed_weight_is_refused_with_both_digests() -> None:
    content = Recipe().build()
    recorded = Classifier(content).metadata.verification["digest"]
    changed = content.replace(np.float32(0.5).tobytes(), np.float32(0.25).tobytes(), 1)
    with pytest.raises(ContractError) as error:
        Classifier(changed)
    assert str(error.value) == (
        f"digest: expected {recorded[:12]}…, found {digest(changed, recorded)[:12]}…: "
        "the file was changed after it was verified; export it again"
    )


def test_a_file_that_cannot_be_read_says_why(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_path: Path) -> bytes:  # root reads everything, so permissions cannot show it
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(Path, "read_bytes", fail)
    assert refused(file) == "FILE: cannot be read: Input/output error"


@pytest.mark.parametrize(
    "record",
    ["{}", '{"digest": 5}', '{"digest": "abc"}', '{"digest": "' + "z" * 64 + '"}'],
)
def test_a_file_that_was_never_verified_is_refused(record: str) -> None:
    def forget(props: dict[str, str]) -> None:
        props["highway.verification"] = record

    with pytest.raises(ContractError) as error:
        Classifier(Recipe(props=forget).build())
    assert str(error.value) == (
        "metadata 'highway.verification': expected the digest of a verified file, found none; "
        "write the file with `python -m export onnx`"
    )
