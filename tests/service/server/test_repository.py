from pathlib import Path

import pytest

from service.contract import ContractError
from service.inference.traffic import Canary, Traffic
from service.server.repository import LayoutError, Repository, Source, check_place, read_traffic
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


def test_a_folder_gives_its_only_file(tmp_path: Path) -> None:
    for place in ("tiny.onnx", ".hidden.onnx", "..data/model.onnx", "notes.txt", "a/other.onnx"):
        write(tmp_path / place)
    (source,) = Repository(tmp_path, None).sources()
    assert source == Source(path=tmp_path / "tiny.onnx")
    assert source.place == "tiny.onnx"


@pytest.mark.parametrize(
    ("places", "found"),
    [
        (("b.onnx", "a.onnx"), "a.onnx and b.onnx"),
        (("b.onnx", "a.onnx", "c.onnx"), "a.onnx and b.onnx"),
        (("b.onnx", "a/1/model.onnx", "a/2/model.onnx"), "b.onnx and a/1/model.onnx"),
    ],
)
def test_a_file_beside_others_is_ambiguous(
    tmp_path: Path, places: tuple[str, ...], found: str
) -> None:
    for place in places:
        write(tmp_path / place)
    with pytest.raises(LayoutError) as error:
        Repository(tmp_path, None).sources()
    assert str(error.value) == (
        f"{tmp_path}: expected one .onnx file or folders of models, NAME/VERSION/model.onnx, found "
        f"{found}; remove one of them"
    )


def test_links_are_followed_at_every_level(tmp_path: Path) -> None:
    file = write(tmp_path / "store/v1/weights")
    (tmp_path / "store/v1/model.onnx").symlink_to("weights")
    (tmp_path / "store/a").mkdir()
    (tmp_path / "store/a/1").symlink_to("../v1")
    (tmp_path / "models").mkdir()
    (tmp_path / "models/a").symlink_to("../store/a")
    repository = Repository(tmp_path / "models", None)
    ((source, stamp),) = repository.sources().items()
    assert (source.place, repository.read(source)) == ("a/1", b"x")
    assert stamp[0] == file.stat().st_ino
    file.unlink()
    write(file, b"longer")
    assert repository.sources()[source] != stamp


def test_a_link_to_nothing_is_a_source_so_that_reading_it_says_why(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").symlink_to("..data/model.onnx")
    repository = Repository(tmp_path, None)
    (source,) = repository.checked_sources()
    with pytest.raises(ContractError, match=r"a symbolic link to a missing file, \.\.data/model"):
        repository.read(source)


def test_a_folder_without_models_is_one_sentence(tmp_path: Path) -> None:
    write(tmp_path / "a/model.onnx")
    with pytest.raises(ContractError) as error:
        Repository(tmp_path, None).checked_sources()
    assert str(error.value) == (
        f"{tmp_path}: expected one .onnx file or folders of models, NAME/VERSION/model.onnx, found "
        "a folder without any"
    )


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


def test_a_stamp_changes_with_the_signature_if_one_is_required(tmp_path: Path) -> None:
    key = write(tmp_path / "public.pem", public_pem(KEY))
    path = write(tmp_path / "models/a/1/model.onnx")
    for public_key, changes in ((key, True), (None, False)):
        repository = Repository(tmp_path / "models", public_key)
        signature = write(Path(f"{path}.sig"))
        (with_one,) = repository.sources().values()
        signature.unlink()
        (without,) = repository.sources().values()
        assert (with_one != without) is changes


@pytest.mark.parametrize(
    ("link", "reason"),
    [
        ("model.onnx", "a/1: expected an .onnx file, found a symbolic link to a missing file"),
        (
            "model.onnx.sig",
            "a/1.sig: expected a signature, found a symbolic link to a missing file; "
            "sign the file with `highway sign`",
        ),
    ],
)
def test_a_message_for_clients_has_neither_paths_nor_the_targets_of_links(
    tmp_path: Path, link: str, reason: str
) -> None:
    key = write(tmp_path / "public.pem", public_pem(KEY))
    source = Source(path=write(tmp_path / "models/a/1/model.onnx"), name="a", version="1")
    path = source.path.with_name(link)
    path.unlink(missing_ok=True)
    path.symlink_to("/srv/private/7.onnx")
    repository = Repository(tmp_path / "models", key)
    with pytest.raises(ContractError, match=r"/srv/private/7\.onnx") as error:  # for the log
        repository.read(source)
    assert repository.without_paths(str(error.value), {source.path: "a/1"}) == reason


def test_a_message_for_clients_does_not_say_where_the_key_is(tmp_path: Path) -> None:
    source = Source(path=write(tmp_path / "model.onnx"))
    repository = Repository(tmp_path, tmp_path / "missing.pem")
    with pytest.raises(ContractError) as error:
        repository.read(source)
    text = repository.without_paths(str(error.value), {source.path: source.place})
    assert text.startswith("public key: expected a public key in PEM, found No such file")


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
