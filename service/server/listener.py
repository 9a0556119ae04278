"""The listening socket that all workers share."""

import socket

from service.http.flow import MOST_HOPS, set_least_hops
from service.settings import Settings, SettingsError


def listen(host: str, port: int, variable: str = "--port") -> socket.socket:
    """Listen on an address; a `SettingsError` names the option to change if that fails."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        reason = str(error.strerror).partition(" (")[0]  # without the address, given below
        options = f"--host or {variable}" if variable.startswith("--") else variable
        raise SettingsError(
            f"cannot listen on {host}:{port}: {reason}; choose another {options}"
        ) from error


def reserve(host: str, port: int, variable: str) -> socket.socket:
    """Reserve a port on which each worker listens with a socket of its own.

    The socket does not listen, so that it gets no connections. Errors are those of `listen`.
    """
    with listen(host, port, variable) as probe:  # another server's port could be shared as well
        family, address = probe.family, probe.getsockname()
    reserved = socket.socket(family)
    shared = getattr(socket, "SO_REUSEPORT", socket.SO_REUSEADDR)  # the latter on Windows
    reserved.setsockopt(socket.SOL_SOCKET, shared, 1)
    reserved.bind(address)
    return reserved


def refuse_new_connections(listener: socket.socket) -> None:
    """Let no new connection begin, so that those which wait to be accepted are the last.

    Closing a listening socket resets the connections that no process has accepted yet. A client
    that is refused here tries again, and finds the port closed by then. Handshakes under way end;
    their connections inherit the refusal until `Flow` or `Acceptor` lifts it. Linux only: elsewhere
    a connection can be lost in the moment of closing. A filter of packets would be simpler, but a
    process without capabilities may not set one.
    """
    set_least_hops(listener, MOST_HOPS)


def address_of(listener: socket.socket, settings: Settings) -> str:
    """Return the URL at which the server listens."""
    scheme = "http" if settings.tls_certificate is None else "https"
    host, port = listener.getsockname()[:2]
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
