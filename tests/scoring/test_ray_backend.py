"""The same scores on a local cluster of several processes as in one process."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scoring.errors import ScoringError
from scoring.ray_backend import check_installed
from service.settings import BUNDLED_MODEL
from tests.ray_cluster import LIBRARY_PATH, named, processes_of
from tests.service.conftest import Recipe

WAIT_SECONDS = 300
PARTS = ("--part-rows", "250")  # 24 parts of the digits
ROWS = np.random.default_rng(0).integers(0, 256, (6_000, 784)).astype(np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures for the tiny model, rows for the bundled one, a folder for each kind of run."""
    folder = tmp_path_factory.mktemp("rows")
    (folder / "tiny.onnx").write_bytes(Recipe().build())
    np.save(folder / "digits.npy", ROWS)
    pictures = folder / "pictures"
    pictures.mkdir()
    for number in range(30):
        Image.new("L", (2, 2), number * 8).save(pictures / f"{number:02}.png")
    for kind in ("local", "ray"):
        (folder / kind).mkdir()
    return folder


@pytest.fixture(scope="module")
def expected(folder: Path) -> bytes:
    """The output of the digits without Ray."""
    return scored(folder, "local", "digits.npy", BUNDLED_MODEL, *PARTS)


def start(
    folder: Path,
    kind: str,
    data: str,
    model: Path | str,
    *options: str,
    environment: Mapping[str, str] = LIBRARY_PATH,
) -> subprocess.Popen[str]:
    """Start the command in the folder of this kind of run, so that all paths are relative."""
    words = ["score", f"../{data}", "--model", str(model), "--out", f"{data}.out.parquet"]
    return subprocess.Popen(
        [sys.executable, "-m", "scoring", *words, *options],
        cwd=folder / kind,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def on_ray(
    folder: Path, data: str, model: Path | str, *options: str, environment: Mapping[str, str]
) -> subprocess.Popen[str]:
    """Start the command on the session's cluster, with two workers."""
    words = ("--ray", "auto", "--ray-workers", "2")
    return start(folder, "ray", data, model, *options, *words, environment=environment)


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    try:
        stdout, stderr = process.communicate(timeout=WAIT_SECONDS)
    finally:
        process.kill()
    lines = stderr.splitlines(keepends=True)  # without those of the progress of a slow run
    return process.returncode, stdout, "".join(x for x in lines if not x.startswith("scored "))


def scored(folder: Path, kind: str, data: str, model: Path | str, *options: str) -> bytes:
    code, _, stderr = finish(start(folder, kind, data, model, *options))
    assert code == 0, stderr
    return (folder / kind / f"{data}.out.parquet").read_bytes()


def descendants(pid: int) -> Iterator[int]:
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield int(child)
        yield from descendants(int(child))


def has_parts(process: subprocess.Popen[str], parts: Path, count: int) -> bool:
    """Wait for so many finished parts; return False if the process has ended before."""
    end = time.monotonic() + WAIT_SECONDS
    while len(list(parts.glob("part-*[!p]"))) < count:
        if process.poll() is not None:
            return False
        assert time.monotonic() < end
        time.sleep(0.01)
    return True


def test_an_unreadable_picture_is_the_same_sentence(
    ray_environment: dict[str, str], folder: Path
) -> None:
    options = ("--part-rows", "10")
    (folder / "pictures" / "25.png").write_bytes(b"no picture")
    ends = [
        finish(start(folder, "local", "pictures", "../tiny.onnx", *options)),
        finish(on_ray(folder, "pictures", "../tiny.onnx", *options, environment=ray_environment)),
    ]
    assert ends[0] == ends[1]
    code, _, stderr = ends[0]
    assert code == 1
    assert "25.png" in stderr
    assert "2 of 3 parts are finished and kept in" in stderr
    Image.new("L", (2, 2), 25 * 8).save(folder / "pictures" / "25.png")


def test_a_killed_worker_is_replaced_and_no_row_is_twice_or_missing(
    expected: bytes, ray_environment: dict[str, str], folder: Path
) -> None:
    process = on_ray(folder, "digits.npy", BUNDLED_MODEL, *PARTS, environment=ray_environment)
    assert has_parts(process, folder / "ray" / "digits.npy.out.parquet.parts", 2), finish(process)
    workers = named(processes_of(ray_environment), b"BatchScorer")
    assert len(workers) == 2
    os.kill(workers[0], signal.SIGKILL)
    code, stdout, stderr = finish(process)
    assert (code, stderr) == (0, "")  # nothing of Ray
    assert stdout.startswith("digits.npy.out.parquet: scored 6,000 rows in")
    assert (folder / "ray" / "digits.npy.out.parquet").read_bytes() == expected


def test_parts_outlive_a_cluster_that_has_gone_and_a_local_run_continues(
    expected: bytes, folder: Path
) -> None:
    options = (*PARTS, "--force")
    on_ray = (*options, "--ray", "local", "--ray-workers", "1")
    process = start(folder, "ray", "digits.npy", BUNDLED_MODEL, *on_ray)
    parts = folder / "ray" / "digits.npy.out.parquet.parts"
    assert has_parts(process, parts, 2), finish(process)
    for pid in named(descendants(process.pid), b"raylet/raylet"):
        os.kill(pid, signal.SIGKILL)
    code, _, stderr = finish(process)
    assert code == 1
    assert "--ray local: " in stderr
    assert "24 parts are finished and kept in digits.npy.out.parquet.parts; the same" in stderr
    assert len(stderr.splitlines()) == 1
    assert scored(folder, "ray", "digits.npy", BUNDLED_MODEL, *options) == expected


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("127.0.0.1:1", "Connection refused"),
        ("127.0.0.1:port", "Port could not be cast to integer value as 'port'"),
    ],
)
def test_an_address_where_no_cluster_answers_is_a_sentence(
    address: str, reason: str, folder: Path
) -> None:
    code, _, stderr = finish(
        start(folder, "ray", "digits.npy", BUNDLED_MODEL, "--force", "--ray", address)
    )
    assert code == 1
    assert stderr.startswith(f"error: --ray {address}: expected the address of a running cluster")
    assert reason in stderr
    assert len(stderr.splitlines()) == 1


def test_a_cluster_refuses_a_command_without_its_token(
    ray_environment: dict[str, str], folder: Path
) -> None:
    environment = {**ray_environment, "RAY_AUTH_TOKEN": "0" * 64}
    code, _, stderr = finish(
        on_ray(folder, "digits.npy", BUNDLED_MODEL, "--force", environment=environment)
    )
    assert code == 1
    assert "found none that answers (Failed to connect to Ray cluster at 127.0.0.1:" in stderr
    assert len(stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--ray-workers", "2"), "--ray-workers: expected with --ray, found without"),
        (
            ("--ray", "local", "--threads", "2"),
            "--threads: expected without --ray; --ray-workers sets the processes",
        ),
    ],
)
def test_options_of_the_other_kind_of_run_are_refused(
    options: tuple[str, ...], sentence: str, folder: Path
) -> None:
    code, _, stderr = finish(start(folder, "ray", "digits.npy", BUNDLED_MODEL, *options))
    assert (code, stderr) == (1, f"error: {sentence}\n")


def test_without_ray_the_sentence_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ScoringError, match=r"pip install 'highway-networks\[score,ray\]'"):
        check_installed()
