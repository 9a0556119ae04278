"""The supervisor: starts and replaces workers, reloads models, and stops the server."""

import asyncio
import logging
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import FrameType

from service.contract import ContractError
from service.errors import ModelRefusedError, RequestError, UnknownModelError
from service.server.artifacts import ModelSet
from service.server.channel import Message
from service.server.health import HealthPort
from service.server.listener import refuse_new_connections
from service.server.model_store import ModelStore
from service.server.worker_process import ENDED, WorkerProcess, supervisor_sockets
from service.settings import Settings
from service.shared_counters import SharedCounters
from service.supervision import Supervision

ACCEPT_SECONDS = 0.1  # for the workers to accept the connections that wait
KILL_SECONDS = 2.0  # after `drain_seconds`, until a worker that does not end is killed
FIRST_DELAY, LONGEST_DELAY = 0.1, 30.0  # seconds before a failed worker is replaced again
SIGNALLED = 128  # plus the number of a second signal: the exit code, as shells have it
STABLE_SECONDS = 10.0  # a worker that lived as long is replaced at once

_log = logging.getLogger(__name__)


class Supervisor:
    """Keeps `settings.workers` workers alive on one listening socket."""

    def __init__(
        self,
        settings: Settings,
        store: ModelStore,
        listener: socket.socket,
        *,
        threads: int,
        shared_counters: Path,
        health: socket.socket | None = None,
    ) -> None:
        self._settings = settings
        self._store = store
        self._listener = listener
        self._threads = threads
        self._shared_counters = shared_counters
        self._supervision = Supervision(SharedCounters(shared_counters))
        self._health_listener = health
        self._health = HealthPort(lambda: self.ready)
        self._workers: set[WorkerProcess] = set()
        self._keepers: list[asyncio.Task[None]] = []
        self._calls: set[asyncio.Task[None]] = set()
        self._reload_lock = asyncio.Lock()
        self._change_lock = asyncio.Lock()  # no worker starts while the others change their models
        self._draining = False
        self._stopping = asyncio.Event()
        self._failed = False
        self._signals: list[int] = []
        self._signalled = asyncio.Event()
        self._changed = asyncio.Event()  # a worker has become ready or has ended

    @property
    def ready(self) -> bool:
        """Whether a worker serves all models and the server is not stopping."""
        return not self._draining and any(w.ready and w.healthy for w in self._workers)

    async def run(self, on_ready: Callable[[], None]) -> int:
        """Serve until a signal; return the exit code. `on_ready` is called once all workers are."""
        loop = asyncio.get_running_loop()
        for number in _signals():
            # Not `add_signal_handler`: its wakeup file would be the forked workers' as well.
            signal.signal(number, partial(self._pass_signal, loop))
        if self._health_listener is not None:
            supervisor_sockets.add(self._health_listener)
            await self._health.start(self._health_listener)
        self._keepers = [
            asyncio.create_task(self._keep_worker()) for _ in range(self._settings.workers)
        ]
        watcher = asyncio.create_task(self._watch_repository())
        await self._until_ready()
        if self.ready and not self._failed:
            on_ready()
            await self._signalled.wait()
        watcher.cancel()
        await self._stop()
        if len(self._signals) > 1:
            return SIGNALLED + self._signals[-1]
        return 1 if self._failed else 0

    def _pass_signal(
        self, loop: asyncio.AbstractEventLoop, number: int, _frame: FrameType | None
    ) -> None:
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(self._on_signal, number)

    def _on_signal(self, number: int) -> None:
        if number == getattr(signal, "SIGHUP", None):
            if not self._signals:
                self._begin(self._reload(again=True))
            return
        if self._signals:  # the second one
            for worker in self._workers:
                worker.kill()
        self._signals.append(number)
        self._signalled.set()
        self._changed.set()

    async def _until_ready(self) -> None:
        """Wait until every worker has been ready, one has failed, or a signal has arrived."""
        while not (self._failed or self._signals):
            if sum(worker.ready for worker in self._workers) >= self._settings.workers:
                return
            self._changed.clear()
            await self._changed.wait()

    async def _keep_worker(self) -> None:
        """Start a worker, and another one whenever it has ended, until the server stops."""
        loop = asyncio.get_running_loop()
        delay, was_ready = 0.0, False
        while not self._draining:
            began = loop.time()
            async with self._change_lock:
                worker = None if self._draining else self._start_worker()
            if worker is None:
                delay = min(LONGEST_DELAY, 2 * delay + FIRST_DELAY)
                await self._pause(delay)
                continue
            reason = await worker.run()
            self._workers.discard(worker)
            was_ready = was_ready or worker.ready
            worker.ready = False
            self._changed.set()
            if self._draining or self._signals:
                return
            if not was_ready:
                if reason != "exited":  # otherwise it has logged why
                    _log.error("worker %d %s before it was ready", worker.pid, worker.end)
                self._failed = True
                return
            self._supervision.count_death(reason)
            lived = loop.time() - began
            delay = 0.0 if lived > STABLE_SECONDS else min(LONGEST_DELAY, 2 * delay + FIRST_DELAY)
            _log.error("worker %d %s; replaced in %.1f s", worker.pid, worker.end, delay)
            await self._pause(delay)

    async def _pause(self, seconds: float) -> None:
        """Wait, but not once the server stops."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    def _start_worker(self) -> WorkerProcess | None:
        """Start a worker that serves what all serve; None if the system has no room for it."""
        try:
            worker = WorkerProcess(
                self._settings,
                self._listener,
                threads=self._threads,
                shared_counters=self._shared_counters,
                models=self._store.models,
                refused=self._store.refused,
                on_ready=self._changed.set,
                on_call=self._on_call,
            )
        except OSError as error:
            _log.error("a worker cannot be started: %s", error)
            return None
        self._workers.add(worker)
        return worker

    def _on_call(self, worker: WorkerProcess, message: Message) -> None:
        self._begin(self._answer(worker, message))

    def _begin(self, work: "asyncio._CoroutineLike[None]") -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)

    async def _answer(self, worker: WorkerProcess, message: Message) -> None:
        """Load or unload a model for a worker's client."""
        name, error, text = message.members["name"], None, ""
        change = self._store.load if message.kind == "load" else self._store.unload
        async with self._reload_lock:
            try:
                await change(name, self._distribute)
            except RequestError as refusal:
                error, text = type(refusal).__name__, str(refusal)
            except Exception:  # of any kind: a client waits for an answer
                _log.exception("the served models stay")
                error = ModelRefusedError.__name__
                text = "the models could not be changed; the server's log has the reason"
            if error != UnknownModelError.__name__:
                self._after_reload(refused=error is not None)
        worker.send("result", number=message.members["number"], error=error, text=text)

    async def _watch_repository(self) -> None:
        """Serve new files once they have not changed for an interval."""
        if not self._store.is_folder:
            return
        seen = None
        while True:
            await asyncio.sleep(self._settings.model_poll_seconds)
            try:
                changed = self._store.changed
                if changed and changed == seen:
                    await self._reload()
                seen = changed
            except Exception:  # of any kind: later files must be found
                _log.exception("the folder of models could not be read")

    async def _reload(self, *, again: bool = False) -> None:
        async with self._reload_lock:
            try:
                errors = await self._store.reload(self._distribute, again=again)
            except (ContractError, OSError, MemoryError) as error:
                _log.error("the served models stay: %s", error)
                errors = [ContractError(str(error))]
            self._after_reload(refused=bool(errors))

    def _after_reload(self, *, refused: bool) -> None:
        self._supervision.count_reload("refused" if refused else "succeeded")
        for worker in self._workers:
            worker.send("refused", files=self._store.refused)

    async def _distribute(self, models: ModelSet) -> None:
        """Let all workers load the models, and then serve them; otherwise none does."""
        async with self._change_lock:
            refusal = await self._change_workers(models)
        if refusal == ENDED:  # for another reason perhaps: its successor can say
            async with self._change_lock:
                refusal = await self._change_workers(models)
        if refusal is not None:
            raise ContractError(f"a worker could not load the models: {refusal}")
        _log.info("now serving %s", models)

    async def _change_workers(self, models: ModelSet) -> str | None:
        """Let all workers serve the models; return why one of them could not."""
        workers = await self._settled_workers()
        seconds = self._settings.model_load_seconds
        refusals = await asyncio.gather(*(w.prepare(models, seconds) for w in workers))
        refusal = next(filter(None, refusals), None)
        for worker in workers:
            worker.end_change(models, commit=refusal is None)
        return refusal

    async def _settled_workers(self) -> list[WorkerProcess]:
        """Return the workers once none is starting: one that starts has the models of before."""
        while any(not worker.ready for worker in self._workers):
            self._changed.clear()
            await self._changed.wait()
        return list(self._workers)

    async def _stop(self) -> None:
        """Leave service without losing a request that a client has sent."""
        self._draining = True
        self._stopping.set()
        for call in self._calls:
            call.cancel()
        settings = self._settings
        for worker in self._workers:
            worker.send("drain")
        if self._signals == [signal.SIGTERM] and self._workers:
            self._signalled.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._signalled.wait(), settings.drain_delay_seconds)
        refuse_new_connections(self._listener)
        await asyncio.sleep(ACCEPT_SECONDS)
        for worker in self._workers:
            worker.stop()
        self._listener.close()
        timeout = settings.drain_seconds + KILL_SECONDS
        _, pending = await asyncio.wait(self._keepers, timeout=timeout)
        if pending:
            _log.error("%d workers did not end within %g s: killed", len(pending), timeout)
            for worker in self._workers:
                worker.kill()
            await asyncio.wait(self._keepers)
        self._health.close()


def _signals() -> list[signal.Signals]:
    names = ("SIGTERM", "SIGINT", "SIGHUP", "SIGBREAK")  # the last on Windows, the third not there
    return [getattr(signal, name) for name in names if hasattr(signal, name)]
