"""Access, messages and error statuses of all calls."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn
from urllib.parse import unquote

from google.protobuf.message import DecodeError, Message

from service.errors import BodyError, BodyTooLargeError, NotReadyError, RequestError
from service.grpc.messages import request_class
from service.grpc.receiver import MessageReceiver
from service.grpc.status import abort, trailing_metadata
from service.grpc.wire import MALFORMED, MAX_OTHER_BYTES
from service.http.callers import Caller
from service.http.endpoints import Headers
from service.http.error_responses import response_to
from service.http.protocol_context import ProtocolContext
from service.http.request_policy import REQUEST_ID

_log = logging.getLogger(__name__)

Call = Callable[[Any], Awaitable[Message]]


class Calls:
    """Receives calls and ends them."""

    def __init__(self, context: ProtocolContext, *, places: int) -> None:
        """Receive as many messages at a time as there are `places`."""
        self._policy = context.policy
        self._access = context.access
        self._receiver = MessageReceiver(places=places, seconds=context.request_read_seconds)
        self._stopping = False

    def refuse(self) -> None:
        """Refuse all calls from now on: the server stops."""
        self._stopping = True

    def check(self, path: bytes, headers: Headers, context: Any) -> Caller:
        """Return the caller, which needs the scope of an HTTP path, or raise a `RequestError`."""
        if self._stopping:
            raise NotReadyError("server: stopping; use another one")
        return self._access.check(b"POST", path, headers, address_of(context.peer()))

    async def receive(self, context: Any) -> bytes:
        """Return the bytes of the call's message.

        Methods are declared as streams of requests, so that the caller is checked before the
        message is received.
        """
        return await self._receiver.receive(context, address_of(context.peer()))

    async def fail(self, context: Any, headers: Headers, error: Exception) -> NoReturn:
        """End a call with an error."""
        request_id = self._policy.request_id(headers)
        if isinstance(error, RequestError):
            error.__traceback__ = None  # it would keep the message while the status is sent
        else:
            _log.error("request %s failed", request_id.decode(), exc_info=error)
        response = response_to(error)
        await abort(context, response.with_header(REQUEST_ID, request_id))

    def unary(self, method: str, path: bytes, call: Call) -> Callable[..., Awaitable[bytes]]:
        """Return the behaviour of a method other than ModelInfer.

        `path` is the HTTP path that needs the same scope.
        """
        request_type = request_class(method)

        async def behaviour(_requests: Any, context: Any) -> bytes:
            headers = headers_of(context)
            try:
                self.check(path, headers, context)
                request = _decode(request_type, await self.receive(context))
                response = await call(request)
            except Exception as error:
                await self.fail(context, headers, error)
            request_id = self._policy.request_id(headers)
            context.set_trailing_metadata(trailing_metadata(((REQUEST_ID, request_id),)))
            return bytes(response.SerializeToString())

        return behaviour


def headers_of(context: Any) -> dict[bytes, bytes]:
    """Return the metadata of a call, names in lower case."""
    return {
        name.encode(): value if isinstance(value, bytes) else value.encode()
        for name, value in context.invocation_metadata() or ()
    }


def address_of(peer: str) -> str:
    """Return the IP address of a peer such as `ipv4:127.0.0.1:50000` or `ipv6:%5B::1%5D:50000`."""
    return unquote(peer).partition(":")[2].rpartition(":")[0].strip("[]")


def _decode(request_type: Any, body: bytes) -> Any:
    if len(body) > MAX_OTHER_BYTES:
        raise BodyTooLargeError(f"body: expected at most {MAX_OTHER_BYTES} bytes, found more")
    try:
        return request_type.FromString(body)
    except DecodeError as error:
        raise BodyError(MALFORMED) from error
