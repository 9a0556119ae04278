"""The gRPC server of a worker, on the worker's event loop and on a port of its own."""

import asyncio
from typing import Any

from service.errors import UnsupportedError
from service.grpc.calls import Calls, headers_of
from service.grpc.health import HEALTH_CHECK, health_check
from service.grpc.inference_call import InferenceCall
from service.grpc.library import aio, grpc
from service.grpc.messages import SERVICE
from service.grpc.model_calls import ModelCalls
from service.http.protocol_context import ProtocolContext
from service.inference.models import Models
from service.settings import Settings

MAX_STREAMS = 128  # of one connection at a time; further calls wait in the client
IDENTITY = 1  # the bit of messages that are not compressed
# While grpcio closes, it cancels new calls. For this time before, they get UNAVAILABLE, so that
# clients try another server.
REFUSING_SECONDS = 0.2


class GrpcServer:
    """Serves the methods of the Open Inference Protocol."""

    def __init__(self, context: ProtocolContext, models: Models, settings: Settings) -> None:
        """Bind the port of the settings; several workers share it."""
        self._server = aio.server(
            options=[
                ("grpc.so_reuseport", 1),
                ("grpc.max_receive_message_length", settings.max_body_bytes),
                ("grpc.max_concurrent_streams", MAX_STREAMS),
                ("grpc.max_connection_idle_ms", settings.keep_alive_seconds * 1000),
                # So that a message which is not received yet takes no more than 64 KiB.
                ("grpc.http2.bdp_probe", 0),
                # A few compressed kilobytes can be gigabytes.
                ("grpc.compression_enabled_algorithms_bitset", IDENTITY),
            ],
            maximum_concurrent_rpcs=settings.max_connections,
        )
        places = settings.max_inflight_bytes // settings.max_body_bytes
        self._calls = Calls(context, places=places)
        self._server.add_generic_rpc_handlers((MethodTable(self._calls, context, models),))
        self._bind(settings)

    async def start(self) -> None:
        """Accept calls."""
        await self._server.start()

    async def stop(self, seconds: float) -> None:
        """Accept no more calls, and give those under way some seconds to end."""
        self._calls.refuse()
        await asyncio.sleep(min(REFUSING_SECONDS, seconds))
        await self._server.stop(seconds)

    def _bind(self, settings: Settings) -> None:
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        address = f"{host}:{settings.grpc_port}"
        if settings.tls_certificate is None:
            self._server.add_insecure_port(address)
            return
        certificate = settings.tls_certificate.read_bytes()
        key = certificate if settings.tls_key is None else settings.tls_key.read_bytes()
        credentials = grpc.ssl_server_credentials([(key, certificate)])
        self._server.add_secure_port(address, credentials)


class MethodTable(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpcio has no types
    """The methods by path."""

    def __init__(self, calls: Calls, context: ProtocolContext, models: Models) -> None:
        model_calls = ModelCalls(models, context.lifecycle)
        behaviours: dict[str, Any] = {
            method: calls.unary(method, path, call)
            for method, (path, call) in model_calls.by_method().items()
        }
        behaviours["ModelInfer"] = InferenceCall(calls, context).__call__
        self._handlers = {
            f"/{SERVICE}/{method}": grpc.stream_unary_rpc_method_handler(behaviour)
            for method, behaviour in behaviours.items()
        }
        check = health_check(calls, model_calls)
        self._handlers[HEALTH_CHECK] = grpc.stream_unary_rpc_method_handler(check)
        names = ", ".join(sorted(behaviours))
        unsupported = UnsupportedError(f"method: expected one of {names}, found another")

        async def refuse(_requests: Any, call: Any) -> bytes:
            await calls.fail(call, headers_of(call), unsupported)

        self._refusal = grpc.stream_unary_rpc_method_handler(refuse)

    def service(self, handler_call_details: Any) -> Any:
        """Return the handler of a call."""
        return self._handlers.get(handler_call_details.method, self._refusal)
