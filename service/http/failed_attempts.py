"""Counts of wrong API keys by address, in bounded memory."""

import math
from ipaddress import IPv6Address, ip_address

MAX_ATTEMPTS = 10  # of an address in a window
WINDOW_SECONDS = 60.0
MAX_ADDRESSES = 1024  # counted at a time; beyond it the oldest is forgotten


class FailedAttempts:
    """The attempts of one process."""

    def __init__(self) -> None:
        self._windows: dict[str, tuple[float, int]] = {}  # end and count; oldest first

    def add(self, address: str, now: float) -> int | None:
        """Count a failed attempt at the time `now`, in seconds of any clock.

        Beyond the limit, return the seconds until the window ends.
        """
        network = _network(address)
        end, count = self._windows.get(network, (0.0, 0))
        if now >= end:
            self._windows.pop(network, None)
            end, count = now + WINDOW_SECONDS, 0
            if len(self._windows) >= MAX_ADDRESSES:
                del self._windows[next(iter(self._windows))]
        self._windows[network] = end, count + 1
        return math.ceil(end - now) if count >= MAX_ATTEMPTS else None


def _network(address: str) -> str:
    """Return the address, of IPv6 its first 64 bits: a client has all addresses of a network."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:  # a UNIX socket has none
        return address
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped or IPv6Address(int(parsed) >> 64 << 64))
    return address
