"""What all connections of a worker share."""

from typing import NamedTuple

from service.http.access import Access
from service.http.body_turns import BodyTurns
from service.http.byte_budget import ByteBudget
from service.http.connections import Connections
from service.http.forwarded import TrustedProxies
from service.http.inference_routes import Routes
from service.http.request_policy import RequestPolicy
from service.http.response_encoding import DefaultLines
from service.http.root_path import RootPath
from service.lifecycle import Lifecycle

PROTOCOL_CONTEXT = "protocol_context"  # the key of the context in the lifespan's state


class ProtocolContext(NamedTuple):
    """The application's objects that the protocol uses; passed in the lifespan's state."""

    policy: RequestPolicy
    routes: Routes
    max_body_bytes: int
    request_read_seconds: float
    send_seconds: float
    access: Access
    lifecycle: Lifecycle
    budget: ByteBudget
    connections: Connections
    body_turns: BodyTurns
    default_lines: DefaultLines
    root_path: RootPath
    proxies: TrustedProxies
