"""Models that change while a server with two workers is under load."""

import asyncio
import json
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from service.http.api_keys import new_key
from service.http.callers import Scope
from tests.service.conftest import METADATA, Recipe
from tests.service.server.load import Answer, Load, under_load
from tests.service.serving import eventually, fetch, predict, serving

SWAPS = 20
LABELS = {str(version): f"label {version}" for version in range(1, SWAPS + 2)}


def artifact(version: str, name: str = "tiny") -> bytes:
    """Return an artifact whose first label names its version."""
    labels = (f"label {version}", "b", "c")
    return Recipe(metadata=replace(METADATA, name=name, version=version, labels=labels)).build()


def place(folder: Path, version: str, content: bytes | None = None, name: str = "tiny") -> Path:
    """Write an artifact to its place in a repository, at once as `mv` does."""
    path = folder / name / version / "model.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(artifact(version, name) if content is None else content)
    part.rename(path)
    return path


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    place(tmp_path / "models", "1")
    return tmp_path / "models"


@pytest.fixture
def server(repository: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    settings = {"HIGHWAY_MODEL_POLL_SECONDS": "0.1", "HIGHWAY_DRAIN_DELAY_SECONDS": "0"}
    with serving(repository, "--workers", "2", **settings) as running:
        yield running


def version_of(answer: Answer) -> str:
    """Return the version that an answer names; its label must be that version's."""
    assert answer.status == 200, answer
    version = str(answer.content["model_version"])
    assert answer.content["predictions"][0]["label"] == f"label {version}"
    return version


def reloads(port: int, outcome: str) -> float:
    found = re.search(rf'model_reload_total{{outcome="{outcome}"}} (\S+)', fetch(port, "/metrics"))
    assert found is not None
    return float(found[1])


def refused(port: int, number: int) -> bool:
    return reloads(port, "refused") == number


def index(port: int) -> dict[tuple[str, str], tuple[str, str]]:
    """Return state and reason by name and version."""
    url = f"http://127.0.0.1:{port}/v2/repository/index"
    with urllib.request.urlopen(url, b"", timeout=5) as response:
        entries = json.load(response)
    return {(e["name"], e["version"]): (e["state"], e["reason"]) for e in entries}


def test_a_new_version_is_served_without_a_lost_or_mixed_answer(
    repository: Path, server: tuple[subprocess.Popen[str], int]
) -> None:
    async def swap(load: Load) -> None:
        for version in map(str, range(2, SWAPS + 2)):
            place(repository, version)
            end = time.monotonic() + 8
            while not load.answers or load.answers[-1].content["model_version"] != version:
                assert time.monotonic() < end
                await asyncio.sleep(0.02)

    async def run(port: int) -> Load:
        async with under_load(port) as load:
            await swap(load)
        return load

    load = asyncio.run(run(server[1]))
    assert load.lost == []
    versions = [int(version_of(answer)) for answer in load.answers]
    assert set(versions) == set(range(1, SWAPS + 2))
    # Each worker changes within the same moment: answers of before end soon.
    late = sum(b < a for a, b in pairwise(versions))
    assert late < len(versions) / 20
    assert reloads(server[1], "succeeded") == SWAPS
    assert fetch(server[1], "/v2/models/tiny/versions/1/ready")["ready"]


def test_bad_candidates_leave_the_old_model_and_say_why(
    repository: Path, server: tuple[subprocess.Popen[str], int]
) -> None:
    _, port = server
    good = artifact("2")
    bad = {
        "empty": b"",
        "text": b"not an artifact",
        "truncated": good[: len(good) // 2],
        "flipped": good[:300] + bytes([good[300] ^ 1]) + good[301:],
        "of another version": artifact("3"),
        "of another name": artifact("2", "other"),
    }
    for number, content in enumerate(bad.values(), 1):
        place(repository, "2", content)
        eventually(partial(refused, port, number))
        state, reason = index(port)["tiny", "2"]
        assert state == "UNAVAILABLE"
        assert "expected" in reason
        assert str(repository) not in reason
        assert predict(port)["model_version"] == "1"
        assert fetch(port, "/v2/health/ready")["ready"]
    place(repository, "2", good)
    eventually(lambda: predict(port)["model_version"] == "2")
    assert index(port)["tiny", "2"] == ("READY", "")


def test_a_restart_serves_the_last_good_version(repository: Path) -> None:
    place(repository, "2")
    place(repository, "10", b"damaged")
    with serving(repository) as (_, port):
        assert predict(port)["model_version"] == "2"
        assert index(port)["tiny", "10"][0] == "UNAVAILABLE"


def test_the_highest_version_is_the_default_and_all_can_be_addressed(repository: Path) -> None:
    place(repository, "9")
    place(repository, "10")
    place(repository, "1", name="another")
    with serving(repository, HIGHWAY_DEFAULT_MODEL="tiny") as (_, port):
        assert predict(port)["model_version"] == "10"
        body = b'{"instances": [[1, 0, 0, 0]]}'
        old = fetch(port, "/v1/models/tiny/versions/9:predict", body)
        assert old["model_version"] == "9"
        other = fetch(port, "/v1/models/another:predict", body)
        assert other["model_name"] == "another"


def test_a_version_that_is_removed_is_served_as_long_as_it_is_the_only_one(
    repository: Path, server: tuple[subprocess.Popen[str], int]
) -> None:
    _, port = server
    shutil.rmtree(repository / "tiny" / "1")
    time.sleep(0.5)
    assert predict(port)["model_version"] == "1"
    place(repository, "2")
    eventually(lambda: list(index(port)) == [("tiny", "2")])


def test_sighup_reads_a_single_file_again(tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(artifact("1"))
    with serving(file) as (process, port):
        file.write_bytes(b"damaged")
        process.send_signal(signal.SIGHUP)
        eventually(lambda: reloads(port, "refused") == 1)
        assert predict(port)["model_version"] == "1"
        assert index(port)["tiny", "1"][0] == "READY"
        file.write_bytes(artifact("2"))
        process.send_signal(signal.SIGHUP)
        eventually(lambda: predict(port)["model_version"] == "2")
        assert index(port) == {("tiny", "2"): ("READY", "")}
        assert reloads(port, "succeeded") == 1


def test_a_folder_without_models_is_rejected(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "service", "serve", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
    assert (done.returncode, done.stderr) == (
        1,
        f"error: {tmp_path}: expected one .onnx file or folders of models, "
        "NAME/VERSION/model.onnx, found a folder without any\n",
    )


def test_an_admin_loads_and_unloads_models_by_name(repository: Path, tmp_path: Path) -> None:
    place(repository, "1", name="other")
    (admin, admin_key), (caller, caller_key) = (
        new_key(name, [scope]) for name, scope in (("ops", Scope.ADMIN), ("app", Scope.PREDICT))
    )
    keys = tmp_path / "keys"
    keys.write_text(f"{admin_key.line}\n{caller_key.line}\n")
    settings = {"HIGHWAY_API_KEYS": str(keys), "HIGHWAY_MODEL_POLL_SECONDS": "3600"}
    with serving(repository, "--workers", "2", **settings) as (_, port):

        def call(path: str, body: bytes = b"", token: str = admin) -> tuple[int, Any]:
            headers = {"X-API-Key": token, "Content-Type": "application/json"}
            url = f"http://127.0.0.1:{port}{path}"
            try:
                with urllib.request.urlopen(
                    urllib.request.Request(url, body, headers), timeout=10
                ) as response:
                    return response.status, json.load(response)
            except urllib.error.HTTPError as error:
                return error.code, json.load(error)["error"]

        def version(name: str) -> int | str:
            row = b'{"instances": [[1, 0, 0, 0]]}'
            status, content = call(f"/v1/models/{name}:predict", row, caller)
            return content["model_version"] if status == 200 else status

        load, unload = (f"/v2/repository/models/tiny/{change}" for change in ("load", "unload"))
        place(repository, "2")
        assert call(load, token=caller) == (
            403,
            "API key: expected one with the scope admin for this path",
        )
        assert version("tiny") == "1"
        assert call(load) == (200, {})
        assert {version("tiny") for _ in range(8)} == {"2"}
        place(repository, "3", b"damaged")
        status, reason = call(load)
        assert (status, reason.partition(":")[0]) == (409, "tiny/3")
        assert version("tiny") == "2"
        status, reason = call(load, b'{"parameters": {"config": "{}"}}')
        assert (status, reason) == (
            400,
            "body: expected none or {}, found other JSON; the server's model repository alone "
            "decides which files are loaded",
        )
        assert call(load.replace("tiny", "SECRET"))[0] == 404
        assert call(unload, b'{"parameters": {"unload_dependents": false}}') == (200, {})
        assert {version("tiny") for _ in range(8)} == {404}
        assert version("other") == "1"
        assert call(load.replace("tiny", "other").replace("load", "unload"))[0] == 409
        (repository / "tiny" / "3" / "model.onnx").unlink()
        assert call(load) == (200, {})
        assert version("tiny") == "2"
