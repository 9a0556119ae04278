"""Folders as Kubernetes and KServe mount them: files are symbolic links, and change all at once."""

import asyncio
import itertools
import os
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from service.http.api_keys import new_key
from service.http.callers import Scope
from service.signature import ALGORITHM
from tests.conftest import command, command_process
from tests.service.server.load import Load, under_load
from tests.service.server.test_reload import artifact, index, place, reloads, version_of
from tests.service.serving import eventually, fetch, predict, serving
from tests.service.test_signature import KEY, public_pem

POLL = {"HIGHWAY_MODEL_POLL_SECONDS": "0.1"}
SWAPS = 5


class Volume:
    """A ConfigMap or Secret in a pod, written as the kubelet's `AtomicWriter` does.

    Each content has a hidden folder; `..data` links to the newest, and a link for each file or
    folder leads through it. A rename replaces `..data`.
    """

    def __init__(self, path: Path, files: Mapping[str, bytes]) -> None:
        self.path = path
        self._numbers = itertools.count(1)
        path.mkdir()
        self.write(files)

    def write(self, files: Mapping[str, bytes]) -> None:
        """Replace all files at once."""
        folder = self.path / f"..2026_11_28_12_00_00.{next(self._numbers)}"
        for name, content in files.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        old = self.path / "..data"
        previous = old.resolve() if old.is_symlink() else None
        new = self.path / "..data_tmp"
        new.symlink_to(folder.name)
        new.rename(old)
        names = {Path(name).parts[0] for name in files}
        for name in names:
            if not (self.path / name).is_symlink():
                (self.path / name).symlink_to(f"..data/{name}")
        for link in self.path.iterdir():
            if not link.name.startswith("..") and link.name not in names:
                link.unlink()
        if previous is not None:
            shutil.rmtree(previous)


def refusal(path: Path, *options: str | Path) -> str:
    """Return the sentence of `highway check`, which is that of a server that does not start."""
    done = command("service", "check", path, *options)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    return line.removeprefix("error: ").replace(str(path), "PATH")


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    return Volume(tmp_path / "models", {"model.onnx": artifact("1")})


@pytest.fixture
def server(volume: Volume) -> Iterator[tuple[subprocess.Popen[str], int]]:
    with serving(volume.path, "--workers", "2", **POLL) as running:
        yield running


def test_a_swap_of_the_volume_is_served_without_a_lost_or_mixed_answer(
    volume: Volume, server: tuple[subprocess.Popen[str], int]
) -> None:
    _, port = server

    async def swap(load: Load) -> None:
        for version in map(str, range(2, SWAPS + 2)):
            volume.write({"model.onnx": artifact(version)})
            end = time.monotonic() + 8
            while not load.answers or load.answers[-1].content["model_version"] != version:
                assert time.monotonic() < end
                await asyncio.sleep(0.02)

    async def run() -> Load:
        async with under_load(port) as load:
            await swap(load)
        return load

    load = asyncio.run(run())
    assert load.lost == []
    assert {int(version_of(answer)) for answer in load.answers} == set(range(1, SWAPS + 2))
    assert reloads(port, "succeeded") == SWAPS
    assert reloads(port, "refused") == 0
    assert index(port) == {("tiny", str(SWAPS + 1)): ("READY", "")}


def test_a_damaged_volume_changes_nothing_and_a_renamed_file_is_served(
    volume: Volume, server: tuple[subprocess.Popen[str], int]
) -> None:
    _, port = server
    volume.write({"model.onnx": b"damaged"})
    eventually(lambda: reloads(port, "refused") == 1)
    assert predict(port)["model_version"] == "1"
    volume.write({"other-name.onnx": artifact("2")})
    eventually(lambda: predict(port)["model_version"] == "2")
    assert index(port) == {("tiny", "2"): ("READY", "")}


def test_a_second_file_is_refused_once_until_it_is_alone(
    volume: Volume, tmp_path: Path, server: tuple[subprocess.Popen[str], int]
) -> None:
    _, port = server
    volume.write({"model.onnx": artifact("1"), "new.onnx": artifact("2")})
    eventually(lambda: reloads(port, "refused") == 1)
    time.sleep(0.5)  # five more looks
    assert reloads(port, "refused") == 1
    assert predict(port)["model_version"] == "1"
    assert fetch(port, "/v2/health/ready")["ready"]
    volume.write({"new.onnx": artifact("2")})
    eventually(lambda: predict(port)["model_version"] == "2")


def test_a_load_call_names_the_files_of_an_ambiguous_folder(volume: Volume, tmp_path: Path) -> None:
    token, key = new_key("deploy", Scope)
    (tmp_path / "keys.txt").write_text(key.line)
    with serving(volume.path, HIGHWAY_API_KEYS=str(tmp_path / "keys.txt")) as (_, port):
        volume.write({"model.onnx": artifact("1"), "new.onnx": artifact("2")})
        url = f"http://127.0.0.1:{port}/v2/repository/models/tiny/load"
        call = urllib.request.Request(url, b"", {"X-API-Key": token})
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(call, timeout=5)
    with refused.value as response:
        assert response.code == 409
        body = response.read().decode()
    assert body == (
        '{"error":"models: expected one .onnx file or folders of models, NAME/VERSION/model.onnx, '
        'found model.onnx and new.onnx; remove one of them"}'
    )


def test_a_repository_in_a_volume_is_served_and_swapped(tmp_path: Path) -> None:
    files = {"tiny/1/model.onnx": artifact("1"), "tiny/traffic.json": b'{"version": "1"}'}
    volume = Volume(tmp_path / "models", files)
    with serving(volume.path, **POLL) as (_, port):
        assert predict(port)["model_version"] == "1"
        volume.write({"tiny/1/model.onnx": artifact("1"), "tiny/2/model.onnx": artifact("2")})
        eventually(lambda: predict(port)["model_version"] == "2")


def test_a_signature_is_beside_the_link(tmp_path: Path) -> None:
    key = tmp_path / "public.pem"
    key.write_bytes(public_pem(KEY))
    content = artifact("1")
    signature = KEY.sign(content, ALGORITHM)
    volume = Volume(tmp_path / "models", {"model.onnx": content, "model.onnx.sig": signature})
    with serving(volume.path, "--public-key", key, **POLL) as (_, port):
        volume.write({"model.onnx": artifact("2"), "model.onnx.sig": signature})
        eventually(lambda: reloads(port, "refused") == 1)
        assert predict(port)["model_version"] == "1"
        volume.write(
            {"model.onnx": artifact("3"), "model.onnx.sig": KEY.sign(artifact("3"), ALGORITHM)}
        )
        eventually(lambda: predict(port)["model_version"] == "3")
    link = tmp_path / "elsewhere.onnx"
    link.symlink_to(volume.path / "model.onnx")  # the target has a signature, the link has none
    assert refusal(link, "--public-key", key).startswith(
        "PATH.sig: expected a signature, found No such file"
    )


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("no.onnx", "found a symbolic link to a missing file, no.onnx"),
        ("model.onnx", "found a symbolic link that leads back to itself"),
        ("/dev/zero", "found a special file"),
        ("pipe", "found a special file"),
    ],
)
@pytest.mark.parametrize("place", ["model.onnx", "tiny/1/model.onnx"])
def test_a_link_that_leads_to_no_file_is_one_sentence(
    tmp_path: Path, place: str, target: str, found: str
) -> None:
    link = tmp_path / "models" / place
    link.parent.mkdir(parents=True)
    os.mkfifo(link.parent / "pipe")
    link.symlink_to(target)
    assert refusal(tmp_path / "models") == f"PATH/{place}: expected an .onnx file, {found}"


def test_a_link_to_a_folder_is_not_a_model(tmp_path: Path) -> None:
    place(tmp_path / "models", "1")
    (tmp_path / "models/tiny/2").mkdir()
    (tmp_path / "models/tiny/2/model.onnx").symlink_to("../1")
    done = command("service", "check", tmp_path / "models")
    assert done.returncode == 1
    assert re.search(r"/1/model\.onnx: tiny version 1, .* ready to serve", done.stdout)
    assert done.stderr == (
        f"error: {tmp_path}/models/tiny/2/model.onnx: expected an .onnx file, found a directory\n"
    )


def test_check_accepts_what_serve_accepts(tmp_path: Path, volume: Volume) -> None:
    link = tmp_path / "link.onnx"
    link.symlink_to(volume.path / "model.onnx")
    for path, file in ((volume.path, volume.path / "model.onnx"), (link, link)):
        done = command("service", "check", path)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(f"{file}: tiny version 1, ")
        assert done.stdout.endswith(f" -m service serve {path}`\n")


def test_a_folder_with_two_files_is_not_served(volume: Volume) -> None:
    volume.write({"a.onnx": artifact("1"), "b.onnx": artifact("2")})
    message = (
        "PATH: expected one .onnx file or folders of models, NAME/VERSION/model.onnx, found a.onnx "
        "and b.onnx; remove one of them"
    )
    assert refusal(volume.path) == message
    done = command_process("service", "serve", volume.path)
    assert done.stderr == f"error: {message.replace('PATH', str(volume.path))}\n"
    assert done.returncode == 1
