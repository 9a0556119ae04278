from pathlib import Path

import pytest

from service.contract import ContractError
from service.inference.traffic import Canary, Traffic
from service.server.repository import Repository, Source, check_place, read_traffic
from service.signature import SignatureError
from tests.service.test_signature import KEY, public_pem


def write(path: Path, content: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_a_file_is_its_own_only_source(file: Path) -> None:
    repository = Repository(file, None)
    assert list(repository.sources()) == [Source(path=file)]
    assert repository.read(Source(path=file)) == file.read_bytes()
    assert repository.traffic_files() == {}


def test_a_folder_gives_each_version_in_rising_order(tmp_path: Path) -> None:
    for place in ("b/1", "a/10", "a/9", "a/.hidden", ".a/1", "a/empty"):
        write(tmp_path / place / ("model.onnx" if place != "a/empty" else "other.onnx"))
    write(tmp_path / "readme.txt")
    sources = Repository(tmp_path, None).sources()
    assert [source.place for source in sources] == ["a/9", "a/10", "b/1"]


def test_a_stamp_changes_with_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a/1/model.onnx")
    repository = Repository(tmp_path, None)
    (before,) = repository.sources().values()
    write(path, b"longer")
    (after,) = repository.sources().values()
    assert before != after


def test_every_file_of_a_folder_must_be_signed_if_a_key_is_given(tmp_path: Path) -> None:
    key = write(tmp_path / "public.pem", public_pem(KEY))
    path = write(tmp_path / "models/a/1/model.onnx")
    repository = Repository(tmp_path / "models", key)
    with pytest.raises(SignatureError, match="expected a signature, found No such file"):
        repository.read(Source(path=path, name="a", version="1"))


def test_an_artifact_must_be_in_the_folder_of_its_name_and_version() -> None:
    source = Source(path=Path("/models/a/2/model.onnx"), name="a", version="2")
    check_place(source, "a", "2")
    check_place(Source(path=Path("/any.onnx")), "a", "7")
    with pytest.raises(ContractError) as error:
        check_place(source, "a", "1")
    assert str(error.value) == (
        "expected 'a' version 2, as its folders say, found 'a' version 1; move the file, or export "
        "it with --name and --version"
    )


def test_a_traffic_file_is_read_strictly(tmp_path: Path) -> None:
    text = b'{"version": "1", "canary": {"version": "2", "share": 0.1}, "shadow": "3"}'
    path = write(tmp_path / "a/traffic.json", text)
    assert list(Repository(tmp_path, None).traffic_files()) == ["a"]
    assert read_traffic(path) == Traffic(
        version="1", canary=Canary(version="2", share=0.1), shadow="3"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"{", "file: Invalid JSON: EOF while parsing an object at line 1 column 1"),
        (b'{"version": 1}', "version: Input should be a valid string"),
        (b'{"shadows": "3"}', "shadows: Unexpected keyword argument"),
        (
            b'{"canary": {"version": "2", "share": 2}}',
            "canary.share: Input should be less than or equal to 1",
        ),
    ],
)
def test_a_malformed_traffic_file_is_one_sentence(
    tmp_path: Path, text: bytes, message: str
) -> None:
    path = write(tmp_path / "traffic.json", text)
    with pytest.raises(ContractError) as error:
        read_traffic(path)
    assert str(error.value) == f"{path}: {message}"
