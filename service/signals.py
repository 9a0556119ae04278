"""Signals during the start of a command."""

import signal
from types import FrameType


def exit_on_signals() -> None:
    """End the process with code 0 at SIGTERM or SIGINT, without a traceback.

    The first process of a container would otherwise ignore SIGTERM until the server is ready.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _exit)
    if hasattr(signal, "SIGHUP"):  # there is nothing to reload yet
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _exit(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)
