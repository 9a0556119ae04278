"""A worker's side of the channel to the supervisor."""

import asyncio
import itertools
import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple

from service.classifier import Classifier
from service.contract import ContractError
from service.errors import ModelRefusedError, NotReadyError, UnknownModelError
from service.inference.models import Models, ServedModel
from service.inference.traffic import Traffic
from service.lifecycle import Lifecycle, RefusedFile
from service.server.artifacts import ArtifactKey, ReceivedModels, received
from service.server.channel import Channel, ChannelClosedError, Message

_log = logging.getLogger(__name__)

# Errors that the supervisor sends back by name.
ERRORS = {error.__name__: error for error in (UnknownModelError, ModelRefusedError)}


class Prepared(NamedTuple):
    """Models that are loaded, and their traffic."""

    served: list[ServedModel]
    traffic: dict[str, Traffic]


class WorkerControl:
    """Changes the served models as the supervisor says; the application's `ModelRepository`.

    A change has two steps, so that all workers make it at once or none does: each loads the new
    models, and when all have, each serves them.
    """

    def __init__(
        self,
        channel: Channel,
        models: Models,
        lifecycle: Lifecycle,
        load: Callable[[bytes], Classifier],
        serve: Callable[[Classifier], ServedModel],
    ) -> None:
        """`load` runs in a thread, `serve` on the event loop."""
        self.refused: Sequence[RefusedFile] = ()
        self._channel = channel
        self._models = models
        self._lifecycle = lifecycle
        self._load = load
        self._serve = serve
        self._prepared: Prepared | None = None
        self._preparation: asyncio.Task[None] | None = None
        self._numbers = itertools.count()
        self._calls: dict[int, asyncio.Future[None]] = {}

    async def run(self) -> None:
        """Report that the worker is ready, and process messages until `stop`."""
        self._channel.send("ready")
        try:
            while (message := await self._channel.receive()).kind != "stop":
                self._obey(message)
        except ChannelClosedError:
            pass
        for call in self._calls.values():
            if not call.done():
                call.set_exception(NotReadyError("the server is stopping"))

    async def load(self, name: str) -> None:
        """Let the supervisor read a model's files again."""
        await self._call("load", name)

    async def unload(self, name: str) -> None:
        """Let the supervisor remove a model from all workers."""
        await self._call("unload", name)

    async def _call(self, kind: str, name: str) -> None:
        if self._lifecycle.draining:
            raise NotReadyError("the server is stopping")
        number = next(self._numbers)
        self._calls[number] = asyncio.get_running_loop().create_future()
        self._channel.send(kind, number=number, name=name)
        try:
            await self._calls[number]
        finally:
            del self._calls[number]

    def _obey(self, message: Message) -> None:
        members = message.members
        if message.kind == "ping":
            self._channel.send("pong", ready=self._models.ready)
        elif message.kind == "drain":
            self._lifecycle.draining = True
        elif message.kind == "refused":
            self.refused = [RefusedFile(*entry) for entry in members["files"]]
        elif message.kind == "prepare":
            self._forget_preparation()
            work = self._prepare(received(members, message.content), members["change"])
            self._preparation = asyncio.get_running_loop().create_task(work)
        elif message.kind == "commit" and self._prepared is not None:
            self._models.replace(*self._prepared)
            self._prepared = None
        elif message.kind == "abort":
            self._forget_preparation()
        elif message.kind == "result":
            self._end_call(members["number"], members["error"], members["text"])

    def _forget_preparation(self) -> None:
        """Drop a change that was given up, also one that is still being loaded."""
        if self._preparation is not None:
            self._preparation.cancel()
        self._prepared = None

    async def _prepare(self, models: ReceivedModels, change: int) -> None:
        """Load the artifacts that are new; the others are served already."""
        serving = {_key(model): model for model in self._models}
        try:
            for artifact in models.artifacts:
                classifier = await asyncio.to_thread(self._load, artifact.content)
                serving[artifact.key] = self._serve(classifier)
            self._prepared = Prepared([serving[key] for key in models.keys], models.traffic)
        except Exception as error:  # of any kind: the supervisor waits for an answer
            if not isinstance(error, ContractError):
                _log.exception("models could not be loaded")
            text = str(error) or type(error).__name__
            self._channel.send("prepared", change=change, error=text)
        else:
            self._channel.send("prepared", change=change, error=None)

    def _end_call(self, number: int, error: str | None, text: str) -> None:
        call = self._calls.get(number)
        if call is None or call.done():  # its client has left
            return
        if error is None:
            call.set_result(None)
        else:
            call.set_exception(ERRORS[error](text))


def _key(model: ServedModel) -> ArtifactKey:
    return ArtifactKey(model.metadata.name, model.metadata.version, model.digest)
