"""The names by which clients may address the server, in the header `Host`.

A page of another site can let its own name resolve to this machine (DNS rebinding); the browser
then lets it read what the server sends. The header still has the name of that site.
"""

import re
from ipaddress import ip_address

from service.errors import HostError
from service.settings import Settings

ANY = "*"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
MAX_KNOWN = 64  # headers whose check is remembered

_SHAPE = re.compile(r"(\[[^\]]*\]|[^:]*)(:[0-9]*)?")
_ERROR = "Host: expected a name of this server; add the name to HIGHWAY_ALLOWED_HOSTS"


class AllowedHosts:
    """The allow-list; it ignores ports."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names
        self._any = ANY in names
        self.known: set[bytes] = set()  # values that need no check

    def check(self, host: bytes, *, addresses: bool = False) -> None:
        """Raise `HostError` unless the value is allowed; with `addresses`, any IP address is."""
        name = _name(host)
        if self._any or name in self._names:
            if len(self.known) < MAX_KNOWN:
                self.known.add(host)
        elif not (addresses and _is_address(name)):
            raise HostError(_ERROR)


def allowed_hosts(settings: Settings) -> AllowedHosts:
    """Return the list of the settings; by default loopback names, or any if others can connect."""
    if settings.allowed_hosts is not None:
        return AllowedHosts(frozenset(settings.allowed_hosts.lower().split(",")))
    if is_loopback(settings.host):
        return AllowedHosts(LOOPBACK | {settings.host})
    return AllowedHosts(frozenset({ANY}))


def is_loopback(address: str) -> bool:
    """Return whether only this machine can connect to an address."""
    return address == "localhost" or (_is_address(address) and ip_address(address).is_loopback)


def _name(host: bytes) -> str:
    """Return the name without the port, an empty one if the header is malformed."""
    match = _SHAPE.fullmatch(host.decode("latin-1").lower())
    return match[1] if match else ""


def _is_address(name: str) -> bool:
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
