import os
from pathlib import Path

import pytest

from benchmarks.session.configurations import MEMORY, OPTIONS, SERVER, THREADS, Configuration
from benchmarks.session.process import Runner, processes
from tests.service.conftest import Recipe


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.onnx"
    path.write_bytes(Recipe().build())
    return path


@pytest.mark.parametrize("configuration", [Configuration(), Configuration(server=True, threads=2)])
def test_a_run_has_a_wall_time_and_a_processor_time(
    file: Path, configuration: Configuration
) -> None:
    duration = Runner(file, configuration).time(rows=500, repeats=20)
    assert 0 < duration.wall < 1e6
    assert 0 < duration.processor < 1e6


def test_the_resident_memory_is_that_of_this_process(file: Path) -> None:
    runner = Runner(file, MEMORY[SERVER])
    assert 20 < runner.resident(runs=5, largest=100, seed=0) < 10_000
    assert 20 < runner.resident_trimmed() < 10_000


@pytest.mark.parametrize(
    "name", [name for name, one in (MEMORY | OPTIONS).items() if one.arena_strategy is None]
)
def test_onnxruntime_accepts_the_options(file: Path, name: str) -> None:
    assert Runner(file, (MEMORY | OPTIONS | THREADS)[name]).time(rows=2, repeats=1).wall > 0


def test_the_arena_of_a_process_can_be_shared_by_its_sessions(file: Path) -> None:
    shared = "both, same as requested, shrinking"  # its arena belongs to the process
    with processes(file, {shared: MEMORY[shared]}) as started:
        assert started[shared].call("time", 3, 2).wall > 0


def test_each_configuration_has_a_process_of_its_own(file: Path) -> None:
    with processes(file, {"one": Configuration(), "other": Configuration()}) as started:
        first, second = (process.call("process_id") for process in started.values())
    assert len({os.getpid(), first, second}) == 3
