"""The sender of a request that trusted proxies forward, by `X-Forwarded-…` or `Forwarded`.

Anybody can send these headers. They are used only if the connection's address is that of a trusted
proxy; of the addresses in them, the last one that is not a trusted proxy is the client's. Those
before it may be invented.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import NamedTuple

from service.http.endpoints import Header

NAMES = (b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"forwarded")
MAX_BYTES = 2048  # of these headers; longer ones are ignored, so that reading them takes no time
CACHED = 1024  # senders, and addresses of proxies: each request of a client has the same
SCHEMES = {b"http": "http", b"https": "https"}

_PORT = re.compile(r"(\[[^\]]*\]|[^:]*):\d+")
# Of the header `Forwarded` (RFC 7239): a quoted text, which may hold commas and semicolons, other
# text, or a separator. One of them matches everywhere, so that a hostile header takes no longer.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.?)*"?|[^",;]+|[,;]', re.DOTALL)


class Sender(NamedTuple):
    """Address of a client; scheme and host that it used, None if the proxy does not say."""

    address: str
    scheme: str | None = None
    host: bytes | None = None


_direct = lru_cache(CACHED)(Sender)


class TrustedProxies:
    """The proxies whose headers name the client."""

    def __init__(self, networks: str | None) -> None:
        """Trust comma-separated addresses and networks; None for no proxy."""
        self._networks = [_network(text) for text in networks.split(",")] if networks else []
        self._is_in_network = lru_cache(CACHED)(self._find_network)
        self._forwarded = lru_cache(CACHED)(self._read)

    def sender(self, address: str, fields: Sequence[Header]) -> Sender:
        """Return the sender of a request with these headers from the connection's `address`.

        A proxy sets one of the two forms and passes the other as its client sent it. If both are
        present and name different clients, neither is used, as if they were too long.
        """
        if not self._networks or not self._is_in_network(address):
            return _direct(address)
        chosen = tuple(field for field in fields if field[0] in NAMES)
        if sum(len(value) for _, value in chosen) > MAX_BYTES:
            return _direct(address)
        return self._forwarded(address, chosen)

    def _read(self, address: str, fields: tuple[Header, ...]) -> Sender:
        standard = self._from_standard(address, fields)
        common = self._from_common(address, fields)
        if standard is None or common is None:
            return standard or common or Sender(address)
        return common if standard.address == common.address else Sender(address)

    def _from_common(self, address: str, fields: Sequence[Header]) -> Sender | None:
        """Read `X-Forwarded-For`, `-Proto` and `-Host`; None without the first."""
        chain = _values(fields, b"x-forwarded-for")
        if not chain:
            return None
        names = [name.decode("latin-1") for name in chain]
        schemes, hosts = _values(fields, b"x-forwarded-proto"), _values(fields, b"x-forwarded-host")
        return Sender(
            self._client(address, names)[0],
            SCHEMES.get(schemes[-1].lower()) if schemes else None,
            hosts[-1] if hosts else None,
        )

    def _from_standard(self, address: str, fields: Sequence[Header]) -> Sender | None:
        """Read `Forwarded`; None without it."""
        elements = [
            element
            for name, value in fields
            if name == b"forwarded"
            for element in _elements(value)
        ]
        if not elements:
            return None
        names = [element.get(b"for", b"").decode("latin-1") for element in elements]
        client, index = self._client(address, names)
        if index is None:
            return Sender(client)
        pairs = elements[index]
        scheme = SCHEMES.get(pairs.get(b"proto", b"").lower())
        return Sender(client, scheme, pairs.get(b"host"))

    def _client(self, address: str, names: Sequence[str]) -> tuple[str, int | None]:
        """Return the last address that is not a trusted proxy, and its index in `names`.

        If all are trusted, it is the first. What is not an address ends the search.
        """
        found: int | None = None
        for i in reversed(range(len(names))):
            read = _address(names[i])
            if read is None:
                break
            address, found = read, i
            if not self._is_in_network(read):
                break
        return address, found

    def _find_network(self, address: str) -> bool:
        try:
            parsed = _unmapped(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._networks)


def _unmapped(text: str) -> IPv4Address | IPv6Address:
    """Return an address; an IPv4 client of a socket for IPv6 has the address ::ffff:a.b.c.d."""
    parsed = ip_address(text)
    return (parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None) or parsed


def _network(text: str) -> IPv4Network | IPv6Network:
    """Return a network; one of mapped IPv4 addresses is of IPv4, as in `_unmapped`."""
    parsed = ip_network(text)
    mapped = parsed.network_address.ipv4_mapped if isinstance(parsed, IPv6Network) else None
    return parsed if mapped is None else IPv4Network((mapped, parsed.prefixlen - 96))


def _address(text: str) -> str | None:
    """Return the address in a header, which may have a port; None if it is not an address."""
    match = _PORT.fullmatch(text)
    if "%" in text:  # a zone: any text, and without meaning on another machine
        return None
    try:
        return str(_unmapped((match[1] if match else text).removeprefix("[").removesuffix("]")))
    except ValueError:  # "unknown" and invented names
        return None


def _values(fields: Sequence[Header], wanted: bytes) -> list[bytes]:
    """Return the members of the lists in all headers of a name, in order."""
    return [
        member.strip() for name, value in fields if name == wanted for member in value.split(b",")
    ]


def _elements(value: bytes) -> Iterator[dict[bytes, bytes]]:
    """Yield the pairs of each element of a header `Forwarded`."""
    pairs: dict[bytes, bytes] = {}
    text = b""
    for token in (*_TOKEN.findall(value), b","):
        if token not in (b",", b";"):
            text += token
            continue
        name, _, given = text.strip().partition(b"=")
        if given.startswith(b'"'):
            given = re.sub(rb"\\(.)", rb"\1", given[1:].removesuffix(b'"'), flags=re.DOTALL)
        pairs[name.lower()] = given
        text = b""
        if token == b",":
            yield pairs
            pairs = {}
