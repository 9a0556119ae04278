"""The terminal of a command: its signals, its streams, and strings that are not its own.

All packages of the distribution use it, so it needs the standard library only. It is imported
first: a signal may arrive during the imports that take most of a command's start.
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from io import TextIOWrapper
from shutil import get_terminal_size
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

STOPPED = 130  # the exit code after Ctrl-C, as shells have it
NOT_FINISHED = "stopped: the command has not finished; run it again"
# A signal that follows the first within this time is the same one, passed on by a wrapper.
SAME_SIGNAL_SECONDS = 1.0
LEAST_LETTERS, MOST_LETTERS = 20, 60  # of a name in a table, at most half of the terminal
BAR_WIDTH = 30  # characters for a share of 1
NARROW = 60  # columns, below which the lines of a table take too much space
BESIDE_BAR = 36  # characters of a table's other columns


def exit_on_signals() -> None:
    """End the process at SIGINT or SIGTERM, with a sentence and without an exception.

    An exception in the middle of an import may be replaced by an `ImportError`.
    """
    _replace_handlers(_exit)


def run(
    command: Callable[[], object],
    *,
    errors: tuple[type[Exception], ...] = (),
    stopped: tuple[type[Exception], ...] = (),
) -> None:
    """Run a command and exit; a user's error is one sentence on standard error and exit code 1.

    SIGINT and SIGTERM raise `KeyboardInterrupt` in the command, which may raise one of `stopped`
    with a sentence of its own. A reader of standard output that has gone, or a full disk, is no
    traceback either. A handler that somebody else has set is kept.
    """
    _prepare_streams()
    stop = _Stop()
    _replace_handlers(stop)
    code, message = _outcome(command, errors, stopped, stop)
    code, message = _flushed(code, message)
    with suppress(OSError):
        sys.stderr.write(f"{escaped(message, keep=chr(10))}\n" if message else "")
        sys.stderr.flush()
    if stop.since is not None and code == STOPPED:
        # Python would end by the signal if code that an extension runs was interrupted.
        os._exit(code)
    _replace_handlers(_exit)
    raise SystemExit(code)


def escaped(text: str, *, keep: str = "", encoding: str | None = None) -> str:
    r"""Escape characters that control the terminal, or that the encoding lacks, such as `\x1b`.

    The encoding is by default that of standard output.
    """
    return "".join(
        letter
        if letter in keep or (letter.isprintable() and encodable(letter, encoding))
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


def bar(share: float) -> str:
    """Return a bar for a share from 0 to 1, in ASCII where the terminal has no blocks."""
    full, empty = ("█", "·") if encodable("█·") else ("#", ".")
    width = max(8, min(BAR_WIDTH, get_terminal_size().columns - BESIDE_BAR))
    return (full * round(share * width)).ljust(width, empty)


def encodable(text: str, encoding: str | None = None) -> bool:
    """Whether an encoding, by default that of standard output, has these characters."""
    try:
        text.encode(encoding or sys.stdout.encoding or "utf-8")
    except (LookupError, UnicodeEncodeError):
        return False
    return True


class _Stop:
    """Signal handler: the first signal interrupts the command, a later one ends the process."""

    def __init__(self) -> None:
        self.since: float | None = None

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self.since is None:
            self.since = time.monotonic()
            raise KeyboardInterrupt
        if time.monotonic() > self.since + SAME_SIGNAL_SECONDS:
            _exit(number, frame)


def _exit(_number: int, _frame: FrameType | None) -> None:
    with suppress(OSError):
        os.write(2, f"{NOT_FINISHED}\n".encode())
    os._exit(STOPPED)


def _replace_handlers(handler: Callable[[int, FrameType | None], None]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        current = signal.getsignal(number)
        default = current in (signal.SIG_DFL, signal.default_int_handler, _exit)
        if default or isinstance(current, _Stop):
            signal.signal(number, handler)


def _prepare_streams() -> None:
    """Escape what the encoding of a stream lacks; replace streams that the shell has closed.

    A file that is opened later would otherwise get the descriptor of a closed stream.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _outcome(
    command: Callable[[], object],
    errors: tuple[type[Exception], ...],
    stopped: tuple[type[Exception], ...],
    stop: _Stop,
) -> tuple[int, str]:
    """Run the command; return its exit code and the sentence for standard error."""
    try:
        command()
    except stopped as error:
        return STOPPED, str(error)
    except errors as error:
        return 1, f"error: {error}"
    except KeyboardInterrupt:
        return STOPPED, NOT_FINISHED
    except SystemExit as end:
        # Typer turns KeyboardInterrupt into an exit without a sentence.
        if stop.since is not None and end.code == STOPPED:
            return STOPPED, NOT_FINISHED
        return (1, end.code) if isinstance(end.code, str) else (int(end.code or 0), "")
    except OSError as error:
        return (1, "") if isinstance(error, BrokenPipeError) else (1, f"error: {_reason(error)}")
    except Exception:
        if stop.since is None:
            raise
        return STOPPED, NOT_FINISHED  # C extensions replace a KeyboardInterrupt
    return 0, ""


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


def _reason(error: OSError) -> str:
    reason = error.strerror or str(error)
    where = "standard output or a file" if error.filename is None else str(error.filename)
    return f"{where}: cannot be read or written: {reason}"
