"""A gRPC server in a thread of the tests, and calls to it."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Thread
from typing import Any, NamedTuple

import numpy as np
import pytest
import uvloop
from fastapi import FastAPI
from numpy.typing import ArrayLike

from benchmarks.serving.servers import free_port
from service.app import create_app
from service.classifier import Classifier
from service.grpc.library import grpc
from service.grpc.messages import SERVICE, ModelInferRequest, request_class, response_class
from service.grpc.server import GrpcServer
from service.http.protocol_context import PROTOCOL_CONTEXT, ProtocolContext
from service.inference.models import Models
from service.lifecycle import Lifecycle
from service.settings import Settings
from tests.service.conftest import served

INFER = "ModelInfer"


class Answer(NamedTuple):
    """What a call has returned: the name of its status, a sentence, a message and metadata."""

    code: str
    details: str
    message: Any
    metadata: dict[str, str]


class Caller:
    """A client with one connection."""

    def __init__(self, channel: Any) -> None:
        self.channel = channel

    def send(self, method: str, body: bytes, timeout: float = 5, **metadata: str) -> Answer:
        """Send the bytes of a message; in the names of metadata `_` is `-`."""
        path = method if method.startswith("/") else f"/{SERVICE}/{method}"
        pairs = [(name.replace("_", "-"), value) for name, value in metadata.items()]
        try:
            content, call = self.channel.unary_unary(path).with_call(
                body, timeout=timeout, metadata=pairs
            )
        except grpc.RpcError as error:
            return _answer(error, None)
        message = content if path == method else response_class(method).FromString(content)
        return _answer(call, message)

    def call(self, method: str, timeout: float = 5, **fields: Any) -> Answer:
        """Send a message of these fields without metadata."""
        return self.send(method, request_class(method)(**fields).SerializeToString(), timeout)

    def infer(self, request: Any, timeout: float = 5, **metadata: str) -> Answer:
        """Send an inference request."""
        return self.send(INFER, request.SerializeToString(), timeout, **metadata)


class Server(NamedTuple):
    """A running server: its port, its objects, and its event loop."""

    port: int
    context: ProtocolContext
    models: Models
    server: GrpcServer
    loop: asyncio.AbstractEventLoop

    @property
    def lifecycle(self) -> Lifecycle:
        """The state that the worker changes."""
        return self.context.lifecycle

    def run(self, coroutine: Any) -> Any:
        """Run a coroutine on the server's event loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout=10)

    @contextmanager
    def caller(self) -> Iterator[Caller]:
        """Connect a client."""
        options = [("grpc.max_send_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
        with grpc.insecure_channel(f"127.0.0.1:{self.port}", options) as channel:
            yield Caller(channel)


@contextmanager
def serving_grpc(
    *classifiers: Classifier, lifecycle: Lifecycle | None = None, **settings: Any
) -> Iterator[Server]:
    """Run a server until the block ends."""
    chosen = Settings(**{"grpc_port": free_port(), **settings})
    models = served(*classifiers, settings=chosen)
    app = create_app(models, chosen, lifecycle=lifecycle)
    started: Future[Server] = Future()
    stopping = asyncio.Event()

    async def run() -> None:
        try:
            await _serve(app, models, chosen, started, stopping)
        except Exception as error:
            started.set_exception(error)

    thread = Thread(target=uvloop.run, args=(run(),))
    thread.start()
    server = started.result(timeout=10)
    try:
        yield server
    finally:
        server.loop.call_soon_threadsafe(stopping.set)
        thread.join()


@contextmanager
def calling(*classifiers: Classifier, **settings: Any) -> Iterator[Caller]:
    """Run a server, and connect a client."""
    with serving_grpc(*classifiers, **settings) as server, server.caller() as caller:
        yield caller


async def _serve(
    app: FastAPI,
    models: Models,
    settings: Settings,
    started: "Future[Server]",
    stopping: asyncio.Event,
) -> None:
    async with app.router.lifespan_context(app) as state:
        assert state is not None
        context = state[PROTOCOL_CONTEXT]
        server = GrpcServer(context, models, settings)
        await server.start()
        assert settings.grpc_port is not None
        loop = asyncio.get_running_loop()
        started.set_result(Server(settings.grpc_port, context, models, server, loop))
        await stopping.wait()
        await server.stop(0)


def request(rows: ArrayLike = ((1, 0, 0, 0),), model: str = "tiny", **fields: Any) -> Any:
    """Return an inference request with raw contents."""
    message = ModelInferRequest(model_name=model, **fields)
    add_input(message, "input", rows)
    return message


def add_input(message: Any, name: str, values: ArrayLike) -> Any:
    """Add an input with raw contents; return its description."""
    array = np.asarray(values, np.float32)
    tensor = message.inputs.add(name=name, datatype="FP32", shape=array.shape)
    message.raw_input_contents.append(array.tobytes())
    return tensor


def outputs_of(message: Any) -> dict[str, np.ndarray]:
    """Return the FP32 outputs of a response by name."""
    return {
        output.name: np.frombuffer(raw, "<f4").reshape(list(output.shape))
        for output, raw in zip(message.outputs, message.raw_output_contents, strict=True)
    }


def _answer(call: Any, message: Any) -> Answer:
    metadata = {name: value for name, value in call.trailing_metadata() or ()}
    return Answer(call.code().name, call.details() or "", message, metadata)


ROW_OF_A = pytest.approx([0.5761, 0.2119, 0.2119], abs=1e-4)  # probabilities of (1, 0, 0, 0)
