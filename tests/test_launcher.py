"""Processes that start with the slow imports done behave as those of a new interpreter."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import command_process, prepared_process
from tests.launcher import PreparedProcess


@pytest.mark.parametrize(
    "arguments", [("service", "--help"), ("service", "check", "no.onnx"), ("service", "check")]
)
def test_a_command_has_the_same_output_as_in_a_new_interpreter(arguments: tuple[str, ...]) -> None:
    prepared, new = prepared_process(*arguments), command_process(*arguments)
    assert (prepared.returncode, prepared.stdout, prepared.stderr) == (
        new.returncode,
        new.stdout,
        new.stderr,
    )


def test_the_environment_and_the_folder_are_those_given(tmp_path: Path) -> None:
    environment = {**os.environ, "HIGHWAY_PORT": "99999"}
    done = prepared_process("service", "serve", env=environment)
    assert done.stderr == "error: HIGHWAY_PORT: expected at most 65535, found '99999'\n"
    (tmp_path / "here.onnx").write_bytes(b"")
    missing = "expected an .onnx file, found No such file or directory"
    assert missing in prepared_process("service", "check", "here.onnx").stderr
    assert missing not in prepared_process("service", "check", "here.onnx", cwd=tmp_path).stderr


@pytest.mark.parametrize("anew", [False, True])
def test_a_process_is_a_child_in_a_session_of_its_own_that_signals_end(anew: bool) -> None:
    with PreparedProcess(
        *("service", "serve", "--port", "0"),
        anew=anew,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stderr is not None
        assert " on http://127.0.0.1:" in process.stderr.readline()
        assert os.getsid(process.pid) == process.pid
        assert process.poll() is None
        stat = Path(f"/proc/{process.pid}/stat").read_text()
        assert int(stat.rpartition(") ")[2].split()[1]) == os.getpid()
        os.killpg(process.pid, signal.SIGKILL)
        assert process.wait(timeout=5) == -signal.SIGKILL


def test_a_package_without_a_template_is_an_error() -> None:
    with pytest.raises(KeyError, match="json"):
        PreparedProcess("json.tool", "--help")


def test_a_template_ends_with_the_process_that_started_it() -> None:
    script = (
        "from tests.launcher import SERVICE, PreparedProcess, _template\n"
        "assert PreparedProcess('service', 'check').wait() == 2\n"
        "print(_template(SERVICE)._process.pid)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parent.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    assert not Path(f"/proc/{int(done.stdout)}").exists()
