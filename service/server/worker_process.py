"""The supervisor's side of one worker process."""

import asyncio
import logging
import multiprocessing
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from weakref import WeakSet

from service.lifecycle import RefusedFile
from service.server.artifacts import ModelSet, describe
from service.server.channel import Channel, ChannelClosedError, Message
from service.server.worker import WorkerStart, run_worker
from service.settings import Settings

# A fork has everything imported already, starts in milliseconds, and shares that memory. It is
# safe since the supervisor has one thread; macOS's libraries do not survive it.
START_METHOD = "fork" if sys.platform == "linux" else "spawn"
PINGS = 4  # within the time after which a silent worker is killed
ENDED = "it has ended"  # why a worker could not load models
JOIN_SECONDS = 2.0  # between the closed channel and the end of the process

_log = logging.getLogger(__name__)
supervisor_sockets: "WeakSet[socket.socket]" = WeakSet()  # which a fork has to close


class WorkerProcess:
    """One worker: its process and the channel to it.

    `ready` is set once it serves, `healthy` while all its models are ready, `end` says how it has
    ended.
    """

    def __init__(
        self,
        settings: Settings,
        listener: socket.socket,
        *,
        threads: int,
        shared_counters: Path,
        models: ModelSet,
        refused: tuple[RefusedFile, ...],
        on_ready: Callable[[], object],
        on_call: Callable[["WorkerProcess", Message], None],
    ) -> None:
        """Start the process; `on_call` is called with each request to load or unload a model."""
        self.ready = False
        self.healthy = True
        self.end = ""
        self._timeout = settings.worker_timeout_seconds
        self._start_timeout = self._timeout + len(models.artifacts) * settings.model_load_seconds
        self._on_ready = on_ready
        self._on_call = on_call
        self._keys = models.keys
        self._change = 0  # number of the change that is prepared
        self._prepared: asyncio.Future[str | None] | None = None
        self._started = asyncio.Event()
        self._hung = False
        self._channel: Channel | None = None
        self._own_end, worker_end = socket.socketpair()
        start = WorkerStart(
            settings=settings,
            threads=threads,
            shared_counters=shared_counters,
            models=models,
            refused=refused,
            listener=listener,
            channel=worker_end,
        )
        supervisor_sockets.add(self._own_end)
        inherited = tuple(supervisor_sockets) if START_METHOD == "fork" else ()
        context = multiprocessing.get_context(START_METHOD)
        self._process = context.Process(target=run_worker, args=(start, inherited))  # type: ignore[attr-defined]
        self._process.start()
        self.pid = self._process.pid
        worker_end.close()

    async def run(self) -> str:
        """Follow the worker to its end; return one of the reasons in `supervision.DEATHS`."""
        self._channel = await Channel.open(self._own_end)
        heartbeat = asyncio.create_task(self._kill_when_hung(self._channel))
        try:
            while True:
                self._on_message(await self._channel.receive())
        except ChannelClosedError:
            pass
        finally:
            heartbeat.cancel()
            self._channel.close()
            self._channel = None
        self._end_preparation(ENDED)
        return await self._joined()

    def send(self, kind: str, **members: Any) -> None:
        """Send a message; one to a worker that has ended is lost."""
        if self._channel is not None:
            self._channel.send(kind, **members)

    def stop(self) -> None:
        """Let the worker finish its requests and end; one that is not ready ends at once."""
        self.send("stop")
        if not self.ready:
            self.kill()

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()

    async def prepare(self, models: ModelSet, seconds: float) -> str | None:
        """Let the worker load what it does not serve yet; return why it could not.

        It may take `seconds` for each new model.
        """
        if self._channel is None:
            return ENDED
        self._change += 1
        self._prepared = asyncio.get_running_loop().create_future()
        members, content = describe(models, self._keys)
        self._channel.send("prepare", content, change=self._change, **members)
        seconds *= max(1, len(models.keys - self._keys))
        try:
            return await asyncio.wait_for(self._prepared, seconds)
        except TimeoutError:
            return f"not loaded within {seconds:g} s"

    def end_change(self, models: ModelSet, *, commit: bool) -> None:
        """Let the worker serve what it has prepared, or forget it."""
        self.send("commit" if commit else "abort")
        if commit:
            self._keys = models.keys

    def _on_message(self, message: Message) -> None:
        if message.kind == "ready":
            self.ready = True
            self._started.set()
            self._on_ready()
        elif message.kind == "pong":
            self.healthy = message.members["ready"]
        elif message.kind == "prepared" and message.members["change"] == self._change:
            self._end_preparation(message.members["error"])
        elif message.kind in ("load", "unload"):
            self._on_call(self, message)

    async def _kill_when_hung(self, channel: Channel) -> None:
        """Kill the worker once its start takes too long, or its event loop is silent."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._started.wait(), self._start_timeout)
        silent = 0 if self.ready else PINGS
        while silent < PINGS:
            heard = channel.received
            channel.send("ping")
            await asyncio.sleep(self._timeout / PINGS)
            silent = silent + 1 if channel.received == heard else 0
        self._hung = True
        self.kill()

    async def _joined(self) -> str:
        """Wait for the process; its channel is closed."""
        for _ in range(round(JOIN_SECONDS / 0.02)):
            if self._process.exitcode is not None:
                break
            await asyncio.sleep(0.02)
        else:
            self._process.kill()
            self._process.join()
        code = self._process.exitcode or 0
        self._process.close()
        if self._hung:
            self.end = "was silent for too long and was killed"
            return "hung"
        if code < 0:
            with suppress(ValueError):
                self.end = f"was killed by {signal.Signals(-code).name}"
            return "killed"
        self.end = f"ended with exit code {code}"
        return "exited"

    def _end_preparation(self, error: str | None) -> None:
        if self._prepared is not None and not self._prepared.done():
            self._prepared.set_result(error)
