"""The method Check of gRPC's health checking protocol, which Kubernetes' probes call.

Its messages are so small that their bytes are written down.
Source: https://github.com/grpc/grpc/blob/master/doc/health-checking.md
"""

from collections.abc import Awaitable, Callable
from typing import Any

from service.errors import UnknownPathError
from service.grpc.calls import Calls, headers_of
from service.grpc.messages import SERVICE
from service.grpc.model_calls import ModelCalls

HEALTH_CHECK = "/grpc.health.v1.Health/Check"
SERVING, NOT_SERVING = b"\x08\x01", b"\x08\x02"  # HealthCheckResponse {status = 1 or 2}
# HealthCheckRequest {service}, empty for the whole server.
REQUESTS = (b"", b"\x0a%c%b" % (len(SERVICE), SERVICE.encode()))

_PATH = b"/v2/health/ready"


def health_check(calls: Calls, model_calls: ModelCalls) -> Callable[..., Awaitable[bytes]]:
    """Return the behaviour of the method; the server serves while it is ready."""

    async def behaviour(_requests: Any, context: Any) -> bytes:
        headers = headers_of(context)
        try:
            calls.check(_PATH, headers, context)
            if await calls.receive(context) not in REQUESTS:
                raise UnknownPathError(f"service: expected none or '{SERVICE}', found another")
        except Exception as error:
            await calls.fail(context, headers, error)
        return SERVING if model_calls.ready else NOT_SERVING

    return behaviour
