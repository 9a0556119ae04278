"""The terminal of a command: its signals, its streams, and strings of a server.

The service has a module of the same purpose; the client is a distribution of its own. A command
of the client ends at once when it is stopped; only a file that it has begun to write is removed.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from math import ceil, isnan
from pathlib import Path
from shutil import get_terminal_size
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

STOPPED = 130  # the exit code after Ctrl-C, as shells have it
LEAST_LETTERS, MOST_LETTERS = 20, 60  # of a name in a table, at most half of the terminal
BAR_WIDTH = 30  # characters for a share of 1
NARROW = 60  # columns, below which the lines of a table take too much space
BESIDE_BAR = 36  # characters of a table's other columns
MARKS, ASCII_MARKS = "▁▂▃▄▅▆▇█", "01234567"  # from a share of 0 to 1

_begun: set[Path] = set()  # files that are being written


def run(command: Callable[[], object]) -> None:
    """Run a command and exit; its `SystemExit` may have a sentence for standard error.

    SIGINT and SIGTERM end the process with a sentence. A reader of standard output that has gone,
    or a full disk, is no traceback either.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _exit)
    _prepare_streams()
    code, message = 0, ""
    try:
        command()
    except SystemExit as end:
        code, message = (1, end.code) if isinstance(end.code, str) else (int(end.code or 0), "")
    except BrokenPipeError:
        code = 1
    except OSError as error:
        code, message = 1, f"error: standard output: cannot be written: {error.strerror}"
    code, message = _flushed(code, message)
    with suppress(OSError):
        sys.stderr.write(f"{escaped(message)}\n" if message else "")
        sys.stderr.flush()
    raise SystemExit(code)


def escaped(text: str) -> str:
    r"""Escape characters that control the terminal, or that its encoding lacks, such as `\x1b`."""
    return "".join(
        letter
        if letter.isprintable() and encodable(letter)
        else letter.encode("unicode_escape").decode()
        for letter in text
    )


def shown(name: str) -> str:
    """Return a name as it is shown in a table: escaped, cut if long, and quoted if blank."""
    text = escaped(name)
    most = max(LEAST_LETTERS, min(MOST_LETTERS, get_terminal_size().columns // 2))
    if len(text) > most:
        text = f"{text[: most - 3]}..."
    return text if text.strip() == text != "" else f"'{text}'"


def fit(table: "Table") -> "Table":
    """Fold cells that are too wide instead of cutting them; without lines in a narrow terminal."""
    for column in table.columns:
        column.overflow = "fold"
    if get_terminal_size().columns < NARROW:
        table.box, table.padding, table.pad_edge = None, (0, 1, 0, 0), False
    return table


def bar(share: float, usual: tuple[float, float] | None = None, *, beside: int = BESIDE_BAR) -> str:
    """Return a bar for a share from 0 to 1, in ASCII where the terminal has no blocks.

    Brackets mark the ends of the `usual` range. `beside` are the characters of the other columns.
    """
    full, empty = ("█", "·") if encodable("█·") else ("#", ".")
    width = max(8, min(BAR_WIDTH, get_terminal_size().columns - beside))
    drawn = (full * round(share * width)).ljust(width, empty)
    if usual is None or isnan(usual[0]):
        return drawn
    begin = min(int(usual[0] * width), width - 2)
    end = min(max(ceil(usual[1] * width) - 1, begin + 1), width - 1)
    return f"{drawn[:begin]}[{drawn[begin + 1 : end]}]{drawn[end + 1 :]}"


def arrow() -> str:
    """Return an arrow from a value to another."""
    return "→" if encodable("→") else "->"


@contextmanager
def removed_if_stopped(path: Path) -> Iterator[None]:
    """Remove a file if a signal ends the process within this block."""
    _begun.add(path)
    try:
        yield
    finally:
        _begun.discard(path)


def marks() -> str:
    """Return the characters for shares from 0 to 1 that standard output can show."""
    return MARKS if encodable(MARKS) else ASCII_MARKS


def encodable(text: str) -> bool:
    """Whether standard output can show these characters."""
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except (LookupError, UnicodeEncodeError):
        return False
    return True


def _exit(_number: int, _frame: FrameType | None) -> None:
    for path in _begun:
        with suppress(OSError):
            path.unlink()
    with suppress(OSError):
        os.write(2, b"stopped: the command has not finished; run it again\n")
    os._exit(STOPPED)


def _prepare_streams() -> None:
    """Escape what the encoding of a stream lacks; replace streams that the shell has closed."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _flushed(code: int, message: str) -> tuple[int, str]:
    """Flush standard output; return the exit code and sentence, also of a failure to do so."""
    try:
        sys.stdout.flush()
    except OSError as error:
        # Python would flush once more at its end, and print a traceback.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if isinstance(error, BrokenPipeError):
            return code or 1, message
        return 1, f"error: standard output: cannot be written: {error.strerror}"
    return code, message
