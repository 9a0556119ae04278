"""The helpers of the test session itself."""

import logging
import os
import sys
import warnings
from pathlib import Path

import pytest

from tests.conftest import command, command_process, once


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
