"""Commands, a trained run and PostgreSQL for the tests, shared by pytest-xdist's workers."""

import gc
import io
import logging
import os
import runpy
import shutil
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Generator, Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any, TextIO
from unittest.mock import patch

import hypothesis
import pytest
from filelock import FileLock

from tests.launcher import PreparedProcess
from tests.postgresql import (
    PostgresqlUnavailableError,
    new_database,
    shared_server,
    stop_shared_server,
)
from tests.ray_cluster import shared_cluster, stop_shared_cluster

ROOT = Path(__file__).parent.parent
REQUIRE_ALL_VARIABLE = "HIGHWAY_TEST_REQUIRE_ALL"
SHARED = pytest.StashKey[Path]()
MOST_WORKERS = 8  # each holds torch and a model or two, about a gigabyte
COMMAND_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # that commands handle
# The categories that Python itself does not show by default.
HIDDEN_WARNINGS = (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning)

os.environ["HIGHWAY_LEDGER_URL"] = "off"  # the default is a file in the user's data directory
# The workers use all cores. Sums depend on the number of threads in their last digits.
os.environ["OMP_NUM_THREADS"] = "1"


def pytest_configure(config: pytest.Config) -> None:
    """Create the folder that all workers of the session share."""
    # A busy machine is no failure: an example may take any time.
    hypothesis.settings.register_profile("any time", deadline=None)
    hypothesis.settings.load_profile("any time")
    worker: dict[str, str] | None = getattr(config, "workerinput", None)
    config.stash[SHARED] = Path(
        worker["shared"] if worker else tempfile.mkdtemp(prefix="highway-tests-")
    )


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Give pytest-xdist's worker the path of the shared folder."""
    node.workerinput["shared"] = str(node.config.stash[SHARED])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Use a worker more than there are cores, but none if only files or tests are named.

    A worker waits for much of its time: for servers that start, stop and reload.
    """
    if all("::" in argument or argument.endswith(".py") for argument in config.args):
        return 0
    return min(MOST_WORKERS, (os.cpu_count() or 1) + 1)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect no garbage while all tests are imported, and leave their modules out afterwards.

    The modules and tests are a million objects that stay; going through them again and again takes
    a fifth of the time of their import.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fail a test that leaves a handler of SIGINT: that of a command would end the process."""
    before = signal.getsignal(signal.SIGINT)
    result = yield
    after = signal.getsignal(signal.SIGINT)
    if after is not before:
        signal.signal(signal.SIGINT, before)
        pytest.fail(f"{item.name}: expected the handler of SIGINT as before, found {after!r}")
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure if HIGHWAY_TEST_REQUIRE_ALL is set, as in CI."""
    report = yield
    if report.skipped and os.environ.get(REQUIRE_ALL_VARIABLE):
        assert isinstance(report.longrepr, tuple)
        report.outcome, report.longrepr = "failed", report.longrepr[2]
    return report


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what the session started, once every worker is done."""
    if not hasattr(config, "workerinput"):
        stop_shared_server(config.stash[SHARED])
        stop_shared_cluster(config.stash[SHARED])
        shutil.rmtree(config.stash[SHARED])


@pytest.fixture(scope="session")
def shared(request: pytest.FixtureRequest) -> Path:
    """The folder that all workers of the session share."""
    return request.config.stash[SHARED]


def once(path: Path, make: Callable[[], object]) -> Path:
    """Call `make`, which writes `path`, in the first process that needs it; return the path."""
    path.parent.mkdir(exist_ok=True)
    done = path.with_name(f"{path.name}.done")
    with FileLock(path.with_name(f"{path.name}.lock")):
        if not done.exists():
            make()
            done.touch()
    return path


def command_process(
    *arguments: str | Path, timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run `python -m …` in a new process, in the folder of the project."""
    return subprocess.run(
        [sys.executable, "-m", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def prepared_process(
    package: str, *arguments: str | Path, timeout: float = 120, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run `python -m …` in a process of its own, in which slow imports are done."""
    pipe = subprocess.PIPE
    with PreparedProcess(package, *arguments, stdout=pipe, stderr=pipe, **options) as process:
        try:
            stdout, stderr = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def command(package: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run `python -m …` in this process, which has already imported torch.

    A warning that Python shows by default is an error. Exceptions but SystemExit propagate.
    """
    words = [package, *map(str, arguments)]
    disabled = logging.root.manager.disable
    code: Any = 0
    with (
        _captured(1) as stdout,
        _captured(2) as stderr,
        redirect_stdout(_stream(1)),
        redirect_stderr(_stream(2)),
        patch.object(sys, "argv", words),
        patch.dict(os.environ),
        chdir(ROOT),
        kept_signal_handlers(),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("error")
        for category in HIDDEN_WARNINGS:
            warnings.simplefilter("ignore", category)
        warnings.filterwarnings("ignore", "'.*' found in sys.modules", RuntimeWarning)
        try:
            runpy.run_module(package, run_name="__main__", alter_sys=True)
        except SystemExit as error:
            code = error.code
        finally:
            logging.disable(disabled)
        if isinstance(code, str):
            sys.stderr.write(f"{code}\n")
            code = 1
    return subprocess.CompletedProcess(words, code or 0, stdout[0], stderr[0])


@contextmanager
def kept_signal_handlers() -> Iterator[None]:
    """Restore the handlers of signals that a command in this process replaces."""
    handlers = {number: signal.getsignal(number) for number in COMMAND_SIGNALS}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


@contextmanager
def _captured(descriptor: int) -> Iterator[list[str]]:
    """Capture output to a descriptor, also of C libraries, and append it when the block ends."""
    captured: list[str] = []
    kept = os.dup(descriptor)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), descriptor)
        try:
            yield captured
        finally:
            os.dup2(kept, descriptor)
            os.close(kept)
            file.seek(0)
            captured.append(file.read().decode())


@cache  # never closed, because logging handlers of libraries may keep it
def _stream(descriptor: int) -> TextIO:
    return io.TextIOWrapper(io.FileIO(descriptor, "w", closefd=False), write_through=True)


@pytest.fixture(scope="session")
def run_path(shared: Path) -> Path:
    """A run directory: 8×8 digits, three highway layers of eight units, two epochs."""
    path = shared / "runs" / "digits"

    def train() -> None:
        done = command(
            *("models", "train", "digits", "--out", path),
            *("--depth", "4", "--width", "8", "--epochs", "2", "--seed", "1"),
        )
        assert done.returncode == 0, done.stderr

    return once(path, train)


@pytest.fixture(scope="session")
def artifact_path(shared: Path, run_path: Path) -> Path:
    """The same run as an artifact."""
    path = shared / "artifacts" / "digits.onnx"

    def export() -> None:
        done = command("export", "export", run_path, path)
        assert done.returncode == 0, done.stderr

    return once(path, export)


@pytest.fixture(scope="session")
def postgresql_server(shared: Path) -> str:
    """The URL of a PostgreSQL server on which the tests may create databases."""
    try:
        return shared_server(shared)
    except PostgresqlUnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def ray_environment(shared: Path) -> Iterator[dict[str, str]]:
    """The environment in which `auto` is the address of the session's Ray cluster.

    One module at a time has it: it may kill processes of the cluster, and load it.
    """
    pytest.importorskip("ray", reason="install the extra `ray`: pip install 'ray[data,serve]'")
    with FileLock(shared / "ray.lock"):
        yield shared_cluster(shared)


@pytest.fixture
def postgresql_url(postgresql_server: str) -> Iterator[str]:
    """The URL of an empty PostgreSQL database."""
    with new_database(postgresql_server) as url:
        yield url
