import pytest

from service.errors import HostError
from service.http.hosts import MAX_KNOWN, AllowedHosts, allowed_hosts, is_loopback
from service.settings import Settings


def allows(hosts: AllowedHosts, host: bytes, *, addresses: bool = False) -> bool:
    try:
        hosts.check(host, addresses=addresses)
    except HostError:
        return False
    return True


REBOUND = (
    *(b"evil.example", b"evil.example:8000", b"localhost.evil.example", b"127.0.0.1.evil.example"),
    *(b"evil.example@localhost", b"localhost@evil.example", b"10.0.0.1", b"[::2]:80", b"", b"[::1"),
    *(b"\xff", b"localhost, evil.example", b"0.0.0.0"),
)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "localhost"])
def test_a_server_of_this_machine_accepts_loopback_names_only(address: str) -> None:
    hosts = allowed_hosts(Settings(host=address))
    for host in (b"localhost", b"LocalHost:8000", b"127.0.0.1", b"127.0.0.1:1", b"[::1]:9"):
        assert allows(hosts, host), host
    for host in REBOUND:
        assert not allows(hosts, host), host


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "10.0.0.1"])
def test_by_default_a_server_of_the_network_accepts_any_name(address: str) -> None:
    assert allows(allowed_hosts(Settings(host=address)), b"models.example.com")


def test_only_the_listed_names_are_accepted() -> None:
    hosts = allowed_hosts(Settings(allowed_hosts="Models.example.com,[2001:db8::1]"))
    assert allows(hosts, b"models.example.com:443")
    assert allows(hosts, b"[2001:db8::1]")
    assert not allows(hosts, b"localhost")
    assert allows(allowed_hosts(Settings(allowed_hosts="*")), b"anything")


def test_a_health_check_may_use_any_address_but_no_other_name() -> None:
    hosts = allowed_hosts(Settings(allowed_hosts="models.example.com"))
    assert allows(hosts, b"10.1.2.3:8000", addresses=True)
    assert allows(hosts, b"[2001:db8::7]:8000", addresses=True)
    assert not allows(hosts, b"evil.example", addresses=True)
    assert not allows(hosts, b"10.1.2.3:8000")


def test_few_headers_are_remembered() -> None:
    hosts = allowed_hosts(Settings())
    for port in range(1000):
        assert allows(hosts, b"localhost:%d" % port)
    assert len(hosts.known) == MAX_KNOWN


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        *(("127.0.0.1", True), ("127.1.2.3", True), ("::1", True), ("localhost", True)),
        *(("0.0.0.0", False), ("::", False), ("10.0.0.1", False), ("example.com", False)),
    ],
)
def test_a_loopback_address_is_recognised(address: str, expected: bool) -> None:
    assert is_loopback(address) is expected
