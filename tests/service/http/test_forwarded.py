"""Who sent a request that came through proxies; no header counts unless its sender is trusted."""

import logging
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.classifier import Classifier
from service.http.api_keys import new_key
from service.http.callers import Scope
from service.http.failed_attempts import MAX_ATTEMPTS
from service.http.forwarded import Sender, TrustedProxies
from tests.service.conftest import Recipe, application
from tests.service.http.transport import JSON, ROW, Send, listening, over_socket, until

PROXY, CLIENT = "10.0.0.1", "203.0.113.9"
PROXIES = TrustedProxies("10.0.0.0/8,2001:db8::/32")


def sender(address: str = PROXY, **headers: str) -> Sender:
    fields = [
        (name.replace("_", "-").encode(), line.encode())
        for name, value in headers.items()
        for line in value.split("|")  # a header that is repeated
    ]
    return PROXIES.sender(address, fields)


@pytest.mark.parametrize(
    "header", [{"x_forwarded_for": "198.51.100.7"}, {"forwarded": "for=198.51.100.7;proto=https"}]
)
def test_headers_of_others_are_ignored(header: dict[str, str]) -> None:
    assert sender(CLIENT, **header) == Sender(CLIENT)
    assert sender("", **header) == Sender("")
    fields = [(b"x-forwarded-for", b"198.51.100.7")]
    assert TrustedProxies(None).sender("127.0.0.1", fields) == Sender("127.0.0.1")


def test_without_headers_the_sender_is_the_proxy() -> None:
    assert sender() == Sender(PROXY)


@pytest.mark.parametrize(
    ("chain", "address"),
    [
        (CLIENT, CLIENT),
        (f"198.51.100.7, {CLIENT}", CLIENT),  # the client invented the first
        (f"198.51.100.7|{CLIENT}", CLIENT),
        (f"198.51.100.7, {CLIENT}, 10.1.2.3", CLIENT),
        (f"{CLIENT}, 2001:db8::5", CLIENT),
        ("10.9.9.9, 10.1.2.3", "10.9.9.9"),  # all are trusted: the first
        (f"{CLIENT}:5000", CLIENT),
        ("[2a00::1]:5000", "2a00::1"),
        ("2A00::1", "2a00::1"),
        (f"::ffff:{CLIENT}", CLIENT),
        (f"{CLIENT}, unknown", PROXY),
        (f"{CLIENT}, <script>, 10.1.2.3", "10.1.2.3"),
        (f"fe80::1%zone, {CLIENT}%1", PROXY),
        ("2a00::1%\x1b[31m", PROXY),
        ("", PROXY),
        (",", PROXY),
    ],
)
def test_the_client_is_the_last_address_that_is_not_a_trusted_proxy(
    chain: str, address: str
) -> None:
    assert sender(x_forwarded_for=chain).address == address
    assert sender(f"::ffff:{PROXY}", x_forwarded_for=CLIENT).address == CLIENT


def test_a_trusted_network_may_be_written_as_for_a_socket_of_ipv6() -> None:
    proxies = TrustedProxies("::ffff:10.0.0.0/104")
    fields = [(b"x-forwarded-for", CLIENT.encode())]
    for proxy in (PROXY, f"::ffff:{PROXY}"):
        assert proxies.sender(proxy, fields).address == CLIENT
    assert proxies.sender("11.0.0.1", fields).address == "11.0.0.1"
    assert TrustedProxies("::/0").sender(PROXY, fields).address == PROXY


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (f"for={CLIENT};proto=https;host=a.example", Sender(CLIENT, "https", b"a.example")),
        (f"For={CLIENT}; PROTO=HTTPS", Sender(CLIENT, "https")),
        ('for="[2a00::1]:80";by=_x', Sender("2a00::1")),
        (f"for=1.1.1.1;proto=http, for={CLIENT};proto=https", Sender(CLIENT, "https")),
        (f"for={CLIENT};host=a.example, for=10.1.2.3", Sender(CLIENT, host=b"a.example")),
        ('for="a, for=1.1.1.1"', Sender(PROXY)),
        ("for=_hidden", Sender(PROXY)),
        ("nothing", Sender(PROXY)),
    ],
)
def test_the_standard_header_says_the_same(header: str, expected: Sender) -> None:
    assert sender(forwarded=header) == expected


@pytest.mark.parametrize("part", ['"', '\\"', "a", 'a="', ";", ",", "for=", ":", "["])
def test_a_hostile_header_takes_a_few_milliseconds(part: str) -> None:
    text = part * (2048 // len(part))
    began = time.perf_counter()
    assert sender(forwarded=text).address == PROXY
    assert time.perf_counter() - began < 0.1


def test_headers_beyond_2048_bytes_are_ignored() -> None:
    assert sender(x_forwarded_for=f"{' ' * 2037}{CLIENT}").address == CLIENT
    assert sender(x_forwarded_for=f"{' ' * 2038}{CLIENT}").address == PROXY


def test_two_headers_that_disagree_are_ignored() -> None:
    """A proxy that sets one passes the other on as its client invented it."""
    both = sender(x_forwarded_for=CLIENT, forwarded="for=1.1.1.1;proto=https")
    assert both == Sender(PROXY)
    same = sender(x_forwarded_for=CLIENT, forwarded=f"for={CLIENT}", x_forwarded_proto="https")
    assert same == Sender(CLIENT, "https")


def test_scheme_and_host_are_those_that_the_last_proxy_sets() -> None:
    common = {"x_forwarded_for": CLIENT, "x_forwarded_host": "a.example"}
    assert sender(**common, x_forwarded_proto="https") == Sender(CLIENT, "https", b"a.example")
    assert sender(**common, x_forwarded_proto="http, https").scheme == "https"
    assert sender(**common, x_forwarded_proto="gopher").scheme is None


@pytest.fixture(scope="module")
def ports() -> Iterator[dict[str | None, int]]:
    """Ports of a server that trusts this machine's loopback, and of one that trusts no proxy."""
    classifier = Classifier(Recipe().build())
    settings = {"access_log_share": 1, "max_rows": 5}
    with (
        listening(application(classifier, trusted_proxies="127.0.0.1", **settings)) as trusting,
        listening(application(classifier, **settings)) as plain,
    ):
        yield {"127.0.0.1": trusting, None: plain}


@pytest.mark.parametrize("path", ["/predict", "/predict?asgi"])
@pytest.mark.parametrize(
    ("trusted", "logged"),
    [("127.0.0.1", ["203.0.113.1", "203.0.113.2"]), (None, ["127.0.0.1"] * 2)],
)
def test_the_access_log_has_the_address_of_the_client(
    ports: dict[str | None, int],
    caplog: pytest.LogCaptureFixture,
    path: str,
    trusted: str | None,
    logged: list[str],
) -> None:
    send = over_socket(ports[trusted])
    with caplog.at_level(logging.INFO, "service.access"):
        for i in (1, 2):
            headers = {**JSON, "X-Forwarded-For": f"203.0.113.{i}"}
            assert send("POST", path, ROW, headers).status == 200
        until(lambda: len(caplog.records) == 2)  # a line follows its response
    assert [vars(record)["client"] for record in caplog.records] == logged


def test_wrong_keys_are_counted_by_the_address_of_the_client(tmp_path: Path) -> None:
    token, key = new_key("ci", [Scope.PREDICT])
    keys = tmp_path / "keys.txt"
    keys.write_text(key.line)
    app = application(Classifier(Recipe().build()), trusted_proxies="127.0.0.0/8", api_keys=keys)
    with listening(app) as port:
        send = over_socket(port)

        def status(client: str, token: str = "hwk_wrong") -> int:
            headers = {**JSON, "X-API-Key": token, "X-Forwarded-For": client}
            return send("POST", "/predict", ROW, headers).status

        assert [status("203.0.113.1") for _ in range(MAX_ATTEMPTS + 1)] == [401] * 10 + [429]
        assert status("203.0.113.2") == 401
        assert status("198.51.100.1, 203.0.113.1") == 429  # an invented address does not help
        assert status("203.0.113.1", token) == 200


def test_a_page_is_of_the_host_that_the_proxy_names(ports: dict[str | None, int]) -> None:
    headers = {
        **JSON,
        "X-Forwarded-For": CLIENT,
        "X-Forwarded-Host": "models.example",
        "Origin": "https://models.example",
    }

    def status(trusted: str | None, **more: str) -> int:
        send: Send = over_socket(ports[trusted])
        return send("POST", "/predict", ROW, {**headers, **more}).status

    assert status("127.0.0.1") == 200
    assert status("127.0.0.1", Origin="https://evil.example") == 403
    assert status(None) == 403
