import os
import signal
import subprocess
import sys
from math import nan
from pathlib import Path

import pytest
from highway_client.terminal import (
    bar,
    encodable,
    escaped,
    fit,
    marks,
    removed_if_stopped,
    shown,
)
from rich.console import Console
from rich.table import Table

from tests.conftest import ROOT


def script(body: str) -> list[str]:
    """A process that runs `command`, which `body` defines, as a command of the client does."""
    start = "import sys, time, os\nfrom highway_client import terminal"
    return [sys.executable, "-c", f"{start}\n{body}\nterminal.run(command)"]


def shell(line: str, body: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a line of bash in which `"$@"` is the command."""
    return subprocess.run(
        ["bash", "-c", line, "bash", *script(body)],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("benzo[a]pyrene", "benzo[a]pyrene"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\u202eabc", "\\u202eabc"),
    ],
)
def test_characters_that_control_a_terminal_are_escaped(text: str, expected: str) -> None:
    assert escaped(text) == expected


@pytest.mark.parametrize(
    ("name", "expected"), [("a", "a"), ("", "''"), (" a", "' a'"), ("x" * 41, "x" * 37 + "...")]
)
def test_a_name_is_visible_and_takes_at_most_half_of_the_terminal(
    name: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert shown(name) == expected


def test_an_ascii_terminal_has_bars_and_marks_of_ascii() -> None:
    assert encodable(marks())
    body = "def command(): print(terminal.bar(0.5), terminal.marks(), terminal.arrow(), 'é')"
    done = shell('"$@"', body, PYTHONIOENCODING="ascii", COLUMNS="80")
    assert done.stdout == f"{'#' * 15}{'.' * 15} 01234567 -> \\xe9\n"


@pytest.mark.parametrize(
    ("share", "usual", "drawn"),
    [
        (0.5, (0.25, 0.75), "██[██··]··"),
        (0.9, (0.0, 0.2), "[]███████·"),
        (0.0, (0.99, 1.0), "········[]"),
        (1.0, (0.0, 1.0), "[████████]"),
        (0.5, (nan, nan), "█████·····"),
        (0.5, None, "█████·····"),
    ],
)
def test_brackets_in_a_bar_are_the_ends_of_the_usual_range(
    share: float,
    usual: tuple[float, float] | None,
    drawn: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert bar(share, usual, beside=70) == drawn


def test_a_file_that_is_being_written_is_removed_when_the_command_is_stopped(
    tmp_path: Path,
) -> None:
    path = tmp_path / "part"
    body = (
        "from pathlib import Path\n"
        "def command():\n"
        f"  path = Path({str(path)!r})\n"
        "  with terminal.removed_if_stopped(path):\n"
        "    path.touch()\n"
        "    os.kill(os.getpid(), 15)\n"
        "    time.sleep(60)"
    )
    assert shell('"$@"', body).returncode == 130
    assert not path.exists()


def test_a_file_that_was_written_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "whole"
    with removed_if_stopped(path):
        path.touch()
    assert path.exists()


def test_a_narrow_terminal_has_short_bars_and_tables_without_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert bar(0.5) == "████····"
    table = Table("label")
    table.add_row("x" * 60)
    console = Console(width=40)
    with console.capture() as capture:
        console.print(fit(table))
    assert capture.get().count("x") == 60
    assert not set(capture.get()) & set("│┃─━…")


def test_an_error_is_one_sentence_without_control_characters() -> None:
    done = shell('"$@"', "def command(): raise SystemExit('error: \\x1b[2J')")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "error: \\x1b[2J\n")


def test_a_reader_that_goes_away_ends_the_command_quietly() -> None:
    body = "def command():\n  for _ in range(100000): print('line')"
    assert shell('"$@" | head -1', body).stderr == ""


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_is_a_sentence(unbuffered: str) -> None:
    done = shell(f'PYTHONUNBUFFERED={unbuffered} "$@" > /dev/full', "def command(): print('line')")
    expected = "error: standard output: cannot be written: No space left on device\n"
    assert (done.returncode, done.stderr) == (1, expected)


def test_closed_streams_are_no_error(tmp_path: Path) -> None:
    assert shell('"$@" >&- 2>&-', "def command(): print('line')").returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_command_with_one_sentence(number: signal.Signals) -> None:
    body = "def command(): print(flush=True); time.sleep(20)"
    with subprocess.Popen(
        script(body), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.send_signal(number)
        assert process.wait(timeout=20) == 130
        expected = "stopped: the command has not finished; run it again\n"
        assert process.stderr.read() == expected
