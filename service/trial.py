"""Trial of a model file: loaded in a child process, with limits of time and memory.

A file that makes onnxruntime crash, hang or allocate without bound ends the child only. The limits
protect against faults; they are no sandbox, and the child has the rights of its parent.
"""

import asyncio
import faulthandler
import math
import multiprocessing
import os
import signal
import sys
import warnings
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from pathlib import Path

from service.classifier import Classifier
from service.contract import ContractError

# A fork takes milliseconds, because all modules are imported. The caller must have no other thread
# that holds a lock. macOS and Windows cannot fork safely.
CONTEXT: BaseContext = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
MAX_MESSAGE_BYTES = 1 << 16
VALID, OUT_OF_MEMORY = b"valid", b"out of memory"  # messages of the child besides sentences
SIGNALS = ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")  # of a server
EXIT_SECONDS = 5.0  # for a child that has sent its message


def try_artifact(
    content: bytes,
    *,
    seconds: float,
    memory_bytes: int,
    threads: int = 1,
    context: BaseContext = CONTEXT,
) -> None:
    """Load a file and compute its golden rows in a child process, or raise a `ContractError`.

    `memory_bytes` is what the child may allocate in addition to what it inherits; only Linux
    enforces it.
    """
    child, receiver = _start(content, seconds, memory_bytes, threads, context)
    with receiver:
        message = _receive(receiver, seconds)
    _end(child, message, seconds, memory_bytes)


async def try_artifact_on_loop(content: bytes, *, seconds: float, memory_bytes: int) -> None:
    """Do what `try_artifact` does while the event loop goes on."""
    child, receiver = _start(content, seconds, memory_bytes, 1, CONTEXT)
    loop, readable = asyncio.get_running_loop(), asyncio.Event()
    with receiver:
        loop.add_reader(receiver.fileno(), readable.set)
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(readable.wait(), seconds)
            message = _receive(receiver, 0)
        except asyncio.CancelledError:
            child.kill()
            raise
        finally:
            loop.remove_reader(receiver.fileno())
    _end(child, message, seconds, memory_bytes)


def _start(
    content: bytes, seconds: float, memory_bytes: int, threads: int, context: BaseContext
) -> tuple[BaseProcess, Connection]:
    receiver, sender = context.Pipe(duplex=False)
    child: BaseProcess = context.Process(  # type: ignore[attr-defined]
        target=_try, args=(content, sender, seconds, memory_bytes, threads), daemon=True
    )
    with sender, warnings.catch_warnings():
        # numpy's idle threads count as threads; the child needs none of them.
        warnings.filterwarnings("ignore", ".*multi-threaded", DeprecationWarning)
        child.start()
    return child, receiver


def _end(child: BaseProcess, message: bytes | None, seconds: float, memory_bytes: int) -> None:
    """End the child; raise a `ContractError` unless its message is that the file is valid."""
    if message is None:
        child.kill()
    child.join(EXIT_SECONDS)
    child.kill()
    child.join()
    code = child.exitcode or 0
    child.close()
    if message != VALID:
        raise ContractError(_sentence(message, code, seconds, memory_bytes))


def _receive(receiver: Connection, seconds: float) -> bytes | None:
    """Return the child's message: empty if it ended without one, None if it has to be ended."""
    try:
        return receiver.recv_bytes(MAX_MESSAGE_BYTES) if receiver.poll(seconds) else None
    except EOFError:
        return b""
    except OSError:  # more than a sentence
        return None


def _sentence(message: bytes | None, code: int, seconds: float, memory_bytes: int) -> str:
    name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    if message is None or name == "SIGXCPU":
        return (
            f"expected a model that loads and computes its golden rows within {seconds:g} s, found "
            "one that takes longer; raise HIGHWAY_MODEL_LOAD_SECONDS if you trust its source"
        )
    if message == OUT_OF_MEMORY or name == "SIGKILL":  # the kernel's, in a small container
        return (
            f"expected a model that loads with {memory_bytes:,} bytes of memory, found one that "
            "needs more; raise HIGHWAY_MODEL_LOAD_BYTES if you trust its source"
        )
    return str(message, "utf-8", "replace") or (
        f"expected a model that onnxruntime can load, found one that ends it with {name}; "
        "do not serve it"
    )


def _try(
    content: bytes, sender: Connection, seconds: float, memory_bytes: int, threads: int
) -> None:
    """Load the file in the child, and send how that ended."""
    _become_silent()
    _limit(math.ceil(seconds * threads) + 1, memory_bytes)
    message = VALID
    try:
        Classifier(content, threads=threads)
    except MemoryError:
        message = OUT_OF_MEMORY
    except ContractError as error:
        message = OUT_OF_MEMORY if _is_memory_error(error.__cause__) else str(error).encode()
    sender.send_bytes(message[:MAX_MESSAGE_BYTES])


def _become_silent() -> None:
    """Drop the parent's output and its handlers of signals and crashes."""
    faulthandler.disable()
    signal.set_wakeup_fd(-1)
    for name in SIGNALS:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115, open until the child ends
    for descriptor in (1, 2):
        os.dup2(sys.stderr.fileno(), descriptor)


def _limit(processor_seconds: int, memory_bytes: int) -> None:
    if sys.platform != "linux":
        return
    import resource  # not on Windows

    pages = int(Path("/proc/self/statm").read_text().split()[5])  # data and stack
    memory = pages * resource.getpagesize() + memory_bytes
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    # At the first limit a SIGXCPU, which has one meaning, and a second later SIGKILL.
    resource.setrlimit(resource.RLIMIT_CPU, (processor_seconds, processor_seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _is_memory_error(error: BaseException | None) -> bool:
    """Whether onnxruntime's error, which has no type of its own, is a failed allocation."""
    return "bad_alloc" in str(error) or "allocate memory" in str(error)
