"""The cycle of a request: the direct path, the application, or a refusal."""

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import httptools

from service.errors import RequestError
from service.http.access import CALLER, Caller
from service.http.asgi_cycle import AsgiCycle
from service.http.cycles import Cycle, HeadDecision, InferenceCycle, RefusalCycle
from service.http.error_responses import error_response, response_to
from service.http.forwarded import Sender
from service.http.request_parser import Head
from service.http.response_encoding import header_lines

if TYPE_CHECKING:
    from service.http.protocol import HttpProtocol

_TOO_MANY = error_response(503, "server: too many connections; retry later", {"Retry-After": "1"})


def new_cycle(protocol: "HttpProtocol", head: Head) -> Cycle:
    """Return the cycle of a request that has arrived on a connection."""
    context, decision = protocol.context, protocol.decision
    if decision is not None and decision.family is head.family and context.access.lasting:
        route = context.routes.exact.get(head.target)
        if route is not None:  # else the model is not served any more
            return InferenceCycle(protocol, route.choose(), head, decision)
    cycle = _choose(protocol, head)
    cycle.more_lines = header_lines(context.access.response_headers(head.headers))
    return cycle


def _choose(protocol: "HttpProtocol", head: Head) -> Cycle:
    method, target, version, _, headers, keep_alive, *_ = head
    context = protocol.context
    to_head = method == b"HEAD"
    if protocol.only_health and target not in context.connections.health_paths:
        return RefusalCycle(protocol, _TOO_MANY, keep_alive=False, head=to_head)
    route = context.routes.exact.get(target)
    url = httptools.parse_url(target) if route is None else None  # a malformed one is an error
    sender = context.proxies.sender(protocol.address, head.fields)
    try:
        caller = context.access.check(method, target, headers, sender.address, sender.host)
    except RequestError as error:
        return RefusalCycle(protocol, response_to(error), keep_alive=keep_alive, head=to_head)
    if route is None or method != b"POST" or version != "1.1" or b"expect" in headers:
        scope = _scope(protocol, head, url or httptools.parse_url(target), caller, sender)
        expects = headers.get(b"expect", b"").lower() == b"100-continue"
        return AsgiCycle(protocol, scope, keep_alive=keep_alive, expects=expects)
    return InferenceCycle(protocol, route.choose(), head, HeadDecision(None, caller.name))


def _scope(
    protocol: "HttpProtocol", head: Head, url: Any, caller: Caller, sender: Sender
) -> dict[str, Any]:
    transport = protocol.transport
    root_path = protocol.context.root_path.path
    path = root_path.encode() + (url.path or b"/")
    client = _address(transport.get_extra_info("peername"))
    if sender.address != protocol.address:  # the port is that of the proxy
        client = sender.address, 0
    scheme = "https" if transport.get_extra_info("sslcontext") else "http"
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": head.version,
        "server": _address(transport.get_extra_info("sockname")),
        "client": client,
        "scheme": sender.scheme or scheme,
        "root_path": root_path,
        "method": head.method.decode("ascii"),
        "path": unquote(path.decode("ascii")),
        "raw_path": path,
        "query_string": url.query or b"",
        "headers": head.fields,
        "state": {**protocol.app_state, CALLER: caller},
    }


def _address(name: object) -> tuple[str, int] | None:
    """Return host and port of a socket's name; sockets of other families have none."""
    return (str(name[0]), int(name[1])) if isinstance(name, tuple) else None
