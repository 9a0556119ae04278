"""Progress on a real terminal, wide or narrow, and where there is none."""

import fcntl
import os
import pty
import re
import struct
import sys
import termios
from collections.abc import Callable
from pathlib import Path

import pytest

from scoring.progress import Reporter

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def on_a_terminal(columns: int, work: Callable[[], None]) -> list[str]:
    """Return the lines that a child process shows on a terminal, without their colours."""
    pid, terminal = pty.fork()
    if not pid:
        os.environ.update(TERM="xterm", COLUMNS=str(columns))
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        with open(2, "w", closefd=False) as sys.stderr:  # instead of pytest's
            work()
        os._exit(0)
    shown = b""
    try:
        while piece := os.read(terminal, 1 << 16):
            shown += piece
    except OSError:  # the child has closed its side
        pass
    os.waitpid(pid, 0)
    os.close(terminal)
    return [line.strip() for line in re.split(r"[\r\n]+", CONTROL.sub("", shown.decode())) if line]


def half(total: int | None) -> Callable[[], None]:
    def work() -> None:
        with Reporter(total, unit="rows") as reporter:
            reporter.add_rows(250_000)
            reporter.add_rows(250_000)
            reporter._bar.refresh()

    return work


def test_a_terminal_shows_a_bar_the_rows_the_rate_and_the_time_left() -> None:
    last = on_a_terminal(100, half(1_000_000))[-1]
    assert re.fullmatch(r"scoring ━+[╸╺]?━+ 500,000/1,000,000 rows [0-9,]+/s 0:00:0[0-9]", last)


@pytest.mark.parametrize("columns", [69, 40, 30])
def test_a_narrow_terminal_shows_the_share_instead_of_cut_numbers(columns: int) -> None:
    last = on_a_terminal(columns, half(1_000_000))[-1]
    assert re.fullmatch(r"50% [0-9,]+/s 0:00:0[0-9]", last)


def test_without_a_number_of_all_rows_the_rows_and_the_rate_are_shown() -> None:
    last = on_a_terminal(100, half(None))[-1]
    assert re.search(r" 500,000 rows [0-9,]+/s", last)


def test_a_file_gets_a_line_every_ten_seconds(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("scoring.progress.time.monotonic", lambda: now)
    with Reporter(1000, unit="rows") as reporter:
        for _ in range(4):
            now += 5.5
            reporter.add_rows(110)
    assert capsys.readouterr().err.splitlines() == [
        "scored 220 of 1,000 rows, 20 a second, about 39 seconds left",
        "scored 440 of 1,000 rows, 20 a second, about 28 seconds left",
    ]


def test_a_line_without_a_number_of_all_rows_has_no_time_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("scoring.progress.time.monotonic", lambda: now)
    with Reporter(None, unit="rows") as reporter:
        now += 11
        reporter.add_rows(110)
    assert capsys.readouterr().err == "scored 110 rows, 10 a second\n"


def test_the_first_notes_are_shown_and_the_others_counted(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with Reporter(10, unit="rows") as reporter:
        reporter.add_notes([f"{number}.png: a note\x1b[31m" for number in range(4)])
        reporter.add_notes([f"{number}.png: a note" for number in range(4, 9)])
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "0.png: a note\\x1b[31m"
    assert lines[4:] == ["4.png: a note", "and 4 more notes on other pictures"]
