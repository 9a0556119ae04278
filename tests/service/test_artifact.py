import errno
import os
from pathlib import Path

import numpy as np
import pytest

from service.artifact import MAX_BYTES, digest, read_artifact
from service.classifier import Classifier
from service.contract import ContractError
from tests.service.conftest import Recipe


def refused(path: Path) -> str:
    with pytest.raises(ContractError) as error:
        read_artifact(path)
    return str(error.value).replace(str(path), "FILE")


def test_all_bytes_of_an_artifact_are_read(file: Path) -> None:
    assert read_artifact(file) == Recipe().build()


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    message = "FILE: expected an .onnx file, found No such file or directory"
    assert refused(tmp_path / "no.onnx") == message


def test_a_directory_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path) == "FILE: expected an .onnx file, found a directory"


def test_a_device_is_refused() -> None:
    assert refused(Path("/dev/null")) == "FILE: expected an .onnx file, found a special file"


def test_a_pipe_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.onnx")
    message = "FILE: expected an .onnx file, found a special file"
    assert refused(tmp_path / "pipe.onnx") == message


LINK = "FILE: expected an .onnx file, found a symbolic link; give the file it points to"


def test_a_symbolic_link_is_refused(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.onnx"
    link.symlink_to(file)
    assert refused(link) == LINK


def test_a_symbolic_link_to_nothing_or_to_a_directory_is_refused(tmp_path: Path) -> None:
    for target in ("no.onnx", "."):
        link = tmp_path / "link.onnx"
        link.symlink_to(target)
        assert refused(link) == LINK
        link.unlink()


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("no.onnx", "a symbolic link to a missing file, no.onnx"),
        ("link.onnx", "a symbolic link that leads back to itself"),
        (".", "a directory"),
        ("/dev/null", "a special file"),
    ],
)
def test_a_link_is_followed_on_demand_and_must_lead_to_a_regular_file(
    file: Path, tmp_path: Path, target: str, found: str
) -> None:
    link = tmp_path / "link.onnx"
    link.symlink_to(target)
    with pytest.raises(ContractError) as error:
        read_artifact(link, follow_link=True)
    assert str(error.value) == f"{link}: expected an .onnx file, found {found}"
    link.unlink()
    link.symlink_to(file)
    assert read_artifact(link, follow_link=True) == Recipe().build()


def test_a_folder_may_be_a_symbolic_link(file: Path, tmp_path: Path) -> None:
    (tmp_path / "folder").symlink_to(tmp_path)
    assert read_artifact(tmp_path / "folder" / file.name) == Recipe().build()


def test_a_folder_that_links_to_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    message = "FILE: expected an .onnx file, found Too many levels of symbolic links"
    assert refused(tmp_path / "loop" / "tiny.onnx") == message


def test_the_open_file_is_checked_even_if_its_path_is_replaced(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other.onnx").write_bytes(b"other")
    fstat = os.fstat

    def swap(descriptor: int) -> os.stat_result:  # an attack between open and read
        file.unlink()
        file.symlink_to("other.onnx")
        return fstat(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fstat", swap)
        content = read_artifact(file)
    assert file.is_symlink()
    assert content == Recipe().build()


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.onnx").touch()
    assert refused(tmp_path / "empty.onnx") == "FILE: expected an .onnx file, found an empty file"


def test_a_file_that_is_too_large_is_refused_without_reading_it(tmp_path: Path) -> None:
    path = tmp_path / "large.onnx"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    assert refused(path) == "FILE: expected at most 536,870,912 bytes, found 536,870,913"


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


def test_a_file_that_cannot_be_read_is_refused_with_the_reason(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(
        *_arguments: object, **_options: object
    ) -> None:  # a disk error cannot be caused otherwise
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("service.artifact.open", fail, raising=False)
    assert refused(file) == "FILE: cannot be read: Input/output error"


@pytest.mark.parametrize(
    "record",
    ["{}", '{"digest": 5}', '{"digest": "abc"}', '{"digest": "' + "z" * 64 + '"}'],
)
def test_a_file_that_was_never_verified_is_refused(record: str) -> None:
    def replace_record(props: dict[str, str]) -> None:
        props["highway.verification"] = record

    with pytest.raises(ContractError) as error:
        Classifier(Recipe(props=replace_record).build())
    assert str(error.value) == (
        "metadata 'highway.verification': expected the digest of a verified file, found none; "
        "write the file with `highway export`"
    )


def test_the_digest_of_a_file_does_not_depend_on_itself() -> None:
    empty = b"x" + b"0" * 64
    recorded = digest(empty, "0" * 64)
    assert digest(b"x" + recorded.encode(), recorded) == recorded
    assert digest(b"y" + recorded.encode(), recorded) != recorded
