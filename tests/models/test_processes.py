import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest
import torch

from models.errors import StoppedError
from models.processes import TrainingProcesses, resumable
from models.recipe import Hardware
from tests.conftest import ROOT

CPU = Hardware()


class State:
    """What an initializer has set in a worker process."""

    word = ""

    @classmethod
    def start(cls, word: str) -> None:
        cls.word = word

    @classmethod
    def read(cls) -> tuple[str, int, int]:
        return cls.word, torch.get_num_threads(), os.getpid()


def processes(jobs: int = 1, **options: object) -> TrainingProcesses:
    return TrainingProcesses(
        jobs,
        threads=1,
        hardware=CPU,
        preload=["models.reproduction.trainings"],
        **options,  # type: ignore[arg-type]
    )


def sigint_is_blocked() -> bool:
    return signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def sleep_forever() -> None:
    time.sleep(3600)


def refuse() -> None:
    raise ValueError("no")


def end() -> None:
    os._exit(1)


def test_a_function_runs_in_another_process_after_its_initializer() -> None:
    with processes(initializer=State.start, initargs=("ready",)) as pool:
        word, threads, pid = pool.submit(State.read).result()
    assert (word, threads) == ("ready", 1)
    assert pid != os.getpid()
    assert State.word == ""


def test_sigint_reaches_this_process_alone() -> None:
    with processes() as pool:
        assert pool.submit(sigint_is_blocked).result()
    assert not sigint_is_blocked()


def test_an_error_of_a_function_is_that_of_its_result() -> None:
    with processes() as pool, pytest.raises(ValueError, match="no"):
        pool.submit(refuse).result()


def test_a_process_that_ends_breaks_the_pool() -> None:
    with processes() as pool, pytest.raises(BrokenProcessPool):
        pool.submit(end).result()


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (KeyboardInterrupt(), ""),
        (StoppedError("interrupted"), ""),
        (
            BrokenProcessPool(),
            ": the system ended a worker process, possibly for lack of memory",
        ),
    ],
)
def test_a_stop_is_a_sentence_that_says_what_is_kept(error: BaseException, reason: str) -> None:
    with pytest.raises(StoppedError) as stopped, resumable(lambda: "2 of 3 are kept in out"):
        raise error
    assert str(stopped.value) == (
        f"stopped{reason}: 2 of 3 are kept in out; run the same command again to resume"
    )


def test_leaving_the_block_ends_processes_that_still_work() -> None:
    began = time.monotonic()
    with processes(2) as pool:
        pool.submit(sleep_forever)
        pid = pool.submit(os.getpid).result()
        assert pid in {child.pid for child in multiprocessing.active_children()}
    assert multiprocessing.active_children() == []
    assert time.monotonic() - began < 300


def test_processes_of_an_accelerator_are_spawned() -> None:
    pool = TrainingProcesses(
        1, threads=1, hardware=Hardware(accelerator="auto"), preload=[], initializer=None
    )
    with pool:
        assert pool.submit(os.getpid).result() != os.getpid()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_process_ends_with_a_killed_parent(tmp_path: Path) -> None:
    script = (
        "import os, time\n"
        "from pathlib import Path\n"
        "from models.processes import TrainingProcesses\n"
        "from models.recipe import Hardware\n"
        "if __name__ == '__main__':\n"
        "    pool = TrainingProcesses(1, threads=1, hardware=Hardware(), preload=[])\n"
        "    pid = pool.submit(os.getpid).result()\n"
        f"    Path({str(tmp_path / 'partial')!r}).write_text(str(pid))\n"
        f"    os.rename({str(tmp_path / 'partial')!r}, {str(tmp_path / 'pid')!r})\n"
        "    time.sleep(3600)\n"
    )
    program = tmp_path / "program.py"
    program.write_text(script)
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'client'}"}
    parent = subprocess.Popen([sys.executable, program], env=environment)
    try:
        wait_until((tmp_path / "pid").is_file)
    finally:
        parent.kill()
        parent.wait()
    worker = Path("/proc") / (tmp_path / "pid").read_text() / "cmdline"
    wait_until(lambda: not worker.exists() or not worker.read_bytes())  # a zombie has no words


def wait_until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 100
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)
