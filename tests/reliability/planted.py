"""The server with one planted fault, by which the tests of these tools see them fail.

    PLANTED_FAULT=leak python -m tests.reliability.planted serve FILE …

The native endpoint keeps some kilobytes of every request (`leak`), ends the process when a body has
the member "magic" (`crash`), or raises (`error`). Workers import this module too, so that the fault
is in every process.
"""

import functools
import os
from collections.abc import Callable
from typing import Any

from service import __main__ as command
from service.http.endpoints import PredictEndpoint
from tests.reliability.processes import FAULT_VARIABLE, MAGIC

LEAKED_BYTES = 16 * 1024

_kept: list[bytes] = []


def _leak(_body: bytes) -> None:
    _kept.append(os.urandom(LEAKED_BYTES))


def _crash(body: bytes) -> None:
    if MAGIC in body:
        os._exit(42)


def _raise(_body: bytes) -> None:
    raise ZeroDivisionError("planted")


FAULTS: dict[str, Callable[[bytes], None]] = {"leak": _leak, "crash": _crash, "error": _raise}


def _plant(fault: Callable[[bytes], None]) -> None:
    read: Callable[..., Any] = PredictEndpoint.read

    @functools.wraps(read)
    def with_fault(*arguments: Any, **named: Any) -> Any:
        body = next(one for one in reversed(arguments) if isinstance(one, bytes | memoryview))
        fault(bytes(body))
        return read(*arguments, **named)

    PredictEndpoint.read = with_fault  # type: ignore[method-assign]


_plant(FAULTS[os.environ[FAULT_VARIABLE]])

if __name__ == "__main__":
    command.main()
