"""The helpers of the test session itself."""

import logging
import os
import signal
import sys
import warnings
from pathlib import Path

import pytest

from tests.conftest import command, command_process, once, pytest_runtest_call


@pytest.mark.parametrize(
    "arguments",
    [("service", "--help"), ("service", "check", "no.onnx"), ("service", "check"), ("export",)],
)
def test_a_command_has_the_same_output_in_this_process_as_in_another(
    arguments: tuple[str, ...],
) -> None:
    here, there = command(*arguments), command_process(*arguments)
    assert (here.returncode, here.stdout, here.stderr) == (
        there.returncode,
        there.stdout,
        there.stderr,
    )


def test_a_command_leaves_this_process_as_it_was(tmp_path: Path) -> None:
    def state() -> tuple[object, ...]:
        streams = sys.stdout, sys.stderr, sys.modules["__main__"], list(sys.argv)
        return *streams, Path.cwd(), dict(os.environ), logging.root.manager.disable

    before = state()
    assert command("export", "show", tmp_path / "no.onnx").returncode == 1
    assert state() == before


def test_a_test_that_leaves_a_handler_of_sigint_fails(request: pytest.FixtureRequest) -> None:
    before = signal.getsignal(signal.SIGINT)
    call = pytest_runtest_call(request.node)
    next(call)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with pytest.raises(pytest.fail.Exception, match="the handler of SIGINT as before, found <Han"):
        next(call)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_warning_in_a_command_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def run_with_warning(*_: object, **__: object) -> None:
        warnings.warn("surprise", UserWarning, stacklevel=1)

    monkeypatch.setattr("tests.conftest.runpy.run_module", run_with_warning)
    with pytest.raises(UserWarning, match="surprise"):
        command("service")


def test_a_shared_resource_is_made_again_only_if_it_failed(tmp_path: Path) -> None:
    path, calls = tmp_path / "folder" / "file", []

    def make() -> None:
        calls.append(1)
        if len(calls) == 1:
            raise OSError("disk full")
        path.write_text("made")

    with pytest.raises(OSError, match="disk full"):
        once(path, make)
    assert once(path, make).read_text() == once(path, make).read_text() == "made"
    assert len(calls) == 2
