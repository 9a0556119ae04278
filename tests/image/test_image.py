"""What holds of the image without an engine; `python -m tests.image` builds and runs it."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.image import checks, engine, load
from tests.image.engine import EngineError
from tests.image.faults import FAULTS

DOCKERFILE = (ROOT / "Dockerfile").read_text()
# Prints the arguments of `build`, and gives the container a bill of materials.
ENGINE = """#!/bin/sh
case $1 in
  build) shift; for word; do echo "$word"; done ;;
  create) echo container ;;
  cp) echo '{}' > "$3" ;;
esac
"""


@pytest.fixture
def build(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs a copy of build.sh with an engine of that name, or none."""
    for name in ("deploy/image/build.sh", "service/__init__.py"):
        (tmp_path / name).parent.mkdir(parents=True)
        shutil.copy(ROOT / name, tmp_path / name)
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("sh", "dirname", "basename", "sed", "mkdir", "date"):
        (programs / name).symlink_to(shutil.which(name) or name)

    def run(name: str | None, **variables: str) -> subprocess.CompletedProcess[str]:
        if name is not None:
            (programs / name).write_text(ENGINE)
            (programs / name).chmod(0o755)
        return subprocess.run(
            [tmp_path / "deploy/image/build.sh", "--build-arg", "BASE=other"],
            env={"PATH": str(programs), **variables},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.mark.parametrize("name", ["docker", "podman"])
def test_the_engine_that_is_there_builds_with_the_times_and_the_version_of_the_source(
    build: Callable[..., subprocess.CompletedProcess[str]], name: str
) -> None:
    words = build(name, IMAGE="mine").stdout.splitlines()
    assert words[:4] == ["--build-arg", "BASE=other", "--tag", "mine"]
    assert "SOURCE_DATE_EPOCH=0" in words
    assert "CREATED=1970-01-01T00:00:00Z" in words
    assert "VERSION=0.1.0" in words
    assert ("--timestamp" in words) == (name == "podman")


def test_a_given_time_is_that_of_the_layers_and_of_the_label(
    build: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    words = build("podman", SOURCE_DATE_EPOCH="86400").stdout.splitlines()
    assert words[words.index("--timestamp") + 1] == "86400"
    assert "CREATED=1970-01-02T00:00:00Z" in words


def test_no_engine_is_one_sentence(
    build: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = build(None)
    assert done.returncode == 1
    assert done.stderr == (
        "error: expected docker with a running daemon, podman or buildah, found none of them; "
        "install one, on Debian and Ubuntu with `apt install podman`\n"
    )


def test_a_chosen_engine_that_is_missing_is_one_sentence(
    build: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    assert "found nerdctl; install one" in build("podman", DOCKER="nerdctl").stderr


def test_the_build_context_has_what_the_dockerfile_copies_and_nothing_else() -> None:
    copied = re.findall(r"^COPY (?!--from)(\S+) ", DOCKERFILE, re.MULTILINE)
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line[0] == "!"]
    assert sorted(copied) == sorted(allowed)
    assert all((ROOT / name).exists() for name in copied)


def test_every_package_of_the_image_has_hashes() -> None:
    for name in engine.LOCKS:
        requirements = re.split(r"\n(?=\S)", (ROOT / name).read_text().strip())
        named = [one for one in requirements if not one.lstrip().startswith("#")]
        assert named
        assert all("--hash=sha256:" in one for one in named)
    assert DOCKERFILE.count(" install --no-cache-dir") == DOCKERFILE.count("--require-hashes") == 2


def test_the_bill_of_materials_is_written_by_the_locked_release_of_the_audit() -> None:
    locked = re.findall(r"^cyclonedx-bom==\S+", (ROOT / engine.LOCKS[1]).read_text(), re.MULTILINE)
    assert locked[0] in (ROOT / "requirements" / "all.txt").read_text().split()


def test_every_check_has_a_fault_that_it_must_find() -> None:
    without = {checks.models}  # its fault would be a server that does not start
    assert {fault.check for fault in FAULTS} == {*checks.CHECKS} - without


def test_a_missing_program_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "PROGRAMS", ("sh", "no-such-program"))
    with pytest.raises(EngineError) as raised:
        engine.configure()
    assert str(raised.value) == (
        "expected the programs sh, no-such-program, found no no-such-program; install them, on "
        "Debian with `apt install sh no-such-program golang-github-containers-common`"
    )


def test_outcomes_are_read_from_the_servers_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = (
        'highway_inference_requests_total{model="digits",outcome="success",version="1"} 5874.0\n'
        'highway_inference_requests_total{model="digits",outcome="fail",version="1"} 2.0\n'
    )
    monkeypatch.setattr(load, "get", lambda port, path: lines)
    assert load.outcomes(0) == {"success": 5874, "fail": 2}


def test_a_refusal_of_a_busy_server_is_no_server_error(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = (
        'highway_rejected_total{model="digits",reason="queue_full",version="1"} 20.0\n'
        'highway_rejected_total{model="digits",reason="internal_error",version="1"} 3.0\n'
    )
    monkeypatch.setattr(load, "get", lambda port, path: lines)
    assert load.server_errors(0) == 3


def test_the_labels_of_the_image_say_where_it_comes_from() -> None:
    labels = re.findall(r'org\.opencontainers\.image\.(\w+)="', DOCKERFILE)
    assert sorted(labels) == sorted(checks.LABELS)
    command = DOCKERFILE.rpartition("\nCMD ")[2].splitlines()[0]
    assert json.loads(command) == ["python", "-m", "service", "serve"]
