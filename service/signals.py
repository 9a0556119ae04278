"""Signals during the start of the server."""

import signal
from types import FrameType


def exit_on_sigterm() -> None:
    """End the process with code 0 at SIGTERM, until the server handles its signals itself.

    The first process of a container would otherwise ignore SIGTERM until the server is ready.
    """
    signal.signal(signal.SIGTERM, _exit)
    if hasattr(signal, "SIGHUP"):  # there is nothing to reload yet
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _exit(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)
