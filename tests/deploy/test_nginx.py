"""nginx with the file of deploy/ in front of real servers: TLS, prefix, limits, failures."""

import json
import os
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from subprocess import DEVNULL
from threading import Event, Thread

import pytest

from benchmarks.serving.servers import free_port
from service.settings import Settings
from tests.deploy.conftest import Replicas
from tests.deploy.programs import ROOT, call
from tests.deploy.proxy import (
    CONFIGURATION,
    Proxy,
    Response,
    arguments,
    open_connection,
    proxying,
    send_on,
    substituted,
)
from tests.reliability.connection import get
from tests.reliability.processes import BUNDLED, running

SEVEN = (ROOT / "examples" / "seven.json").read_bytes()
PREDICT = "/highway/predict"


def test_the_configuration_is_valid(tmp_path: Path, secrets: Path) -> None:
    assert "test is successful" in nginx_says(CONFIGURATION.read_text(), tmp_path, secrets)


def test_an_unknown_directive_is_found(tmp_path: Path, secrets: Path) -> None:
    text = CONFIGURATION.read_text().replace("proxy_read_timeout", "proxy_reed_timeout")
    assert 'unknown directive "proxy_reed_timeout"' in nginx_says(text, tmp_path, secrets)


def test_a_missing_semicolon_is_found(tmp_path: Path, secrets: Path) -> None:
    text = CONFIGURATION.read_text().replace("least_conn;", "least_conn")
    assert 'invalid number of arguments in "least_conn"' in nginx_says(text, tmp_path, secrets)


def nginx_says(text: str, folder: Path, secrets: Path) -> str:
    """Return what `nginx -t` says about a configuration."""
    file = folder / "nginx.conf"
    file.write_text(substituted(text, folder, secrets, (free_port(), free_port()), (1, 2)))
    return call(*arguments(file), "-t").stderr


def test_a_prediction_passes_through_tls_and_prefix(proxy: Proxy) -> None:
    response = proxy.send("POST", PREDICT, SEVEN)
    assert response.status == 200
    assert response.json()["predictions"][0]["label"] == "7"


def test_plain_http_gets_one_sentence(proxy: Proxy) -> None:
    with socket.create_connection(("127.0.0.1", proxy.port), 5) as connection:
        connection.sendall(b"GET /highway/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        text = connection.recv(4096)
    assert text.startswith(b"HTTP/1.1 400 ")
    assert text.endswith(b'{"error":"expected HTTPS, found plain HTTP"}')


def test_tls_before_1_2_is_refused(proxy: Proxy) -> None:
    words = ("openssl", "s_client", "-connect", f"127.0.0.1:{proxy.port}")
    assert "Cipher is ECDHE" in call(*words, "-tls1_2", stdin=DEVNULL).stdout
    old = call(*words, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0", stdin=DEVNULL)
    assert old.returncode == 1
    assert "alert protocol version" in old.stderr


def test_the_page_its_files_and_its_api_are_below_the_prefix(proxy: Proxy) -> None:
    assert proxy.send("GET", "/highway").headers["location"] == "/highway/"
    assert b"<html" in proxy.send("GET", "/highway/").body
    assert proxy.send("GET", "/highway/docs").status == 200
    assert proxy.send("GET", "/highway/openapi.json").json()["servers"][0]["url"] == "/highway"


def test_outside_of_the_prefix_there_is_no_path(proxy: Proxy) -> None:
    for path in ("/", "/predict", "/highways", "/metrics", "/highway/../predict"):
        response = proxy.send("GET", path)
        assert response.status == 404
        assert response.json() == {"error": "not found: the service is below /highway/"}


@pytest.mark.parametrize(
    "path",
    [
        *("/metrics", "/v2/health/live", "/v2/health/ready"),
        *("//metrics", "/%6detrics", "/x/../metrics", "/x%2f..%2fmetrics", "/v2/./health/ready"),
        *("/highway/metrics", "/highway/v2/health/live", "/v2//health/live"),
        *("/..;/metrics", "/%2e%2e/highway/metrics", "/x%252f..%252fmetrics", "/metrics%0a"),
        *("/metrics/", "/metrics;x", "/metrics%3f", "/metrics%23", "/%5c..%5cmetrics"),
    ],
)
def test_health_and_metrics_are_not_exposed(proxy: Proxy, path: str) -> None:
    assert proxy.send("GET", f"/highway{path}").status == 404


def test_metrics_and_health_are_there_behind_the_proxy(replicas: Replicas) -> None:
    for port in replicas.ports:
        assert b"highway_inference_rows_total" in get(port, "/metrics").body
        assert get(port, "/v2/health/ready").status == 200


def test_the_proxys_health_check_is_plain_http_on_a_port_of_its_own(proxy: Proxy) -> None:
    assert get(proxy.plain_port, "/").status == 204


def test_a_body_above_the_servers_limit_is_refused_before_it_is_sent(proxy: Proxy) -> None:
    limit = Settings().max_body_bytes
    assert f"client_max_body_size {limit // 2**20}m;" in CONFIGURATION.read_text()
    connection = proxy.connection()
    connection.putrequest("POST", PREDICT)
    connection.putheader("Content-Length", str(limit + 1))
    connection.endheaders()
    response = connection.getresponse()
    assert response.status == 413
    assert json.load(response) == {"error": "body too large: expected at most 4 MiB"}
    connection.close()


def test_the_largest_number_of_rows_passes(proxy: Proxy) -> None:
    (row,) = json.loads(SEVEN)["instances"]
    body = json.dumps({"instances": [row] * Settings().max_rows}).encode()
    assert len(body) > 2**20
    assert len(proxy.send("POST", PREDICT, body).json()["predictions"]) == 1024


def test_a_worker_of_the_proxy_may_open_more_files_than_its_connections_need(
    proxy: Proxy,
) -> None:
    text = CONFIGURATION.read_text()
    (connections,) = re.findall(r"worker_connections (\d+);", text)
    (files,) = re.findall(r"worker_rlimit_nofile (\d+);", text)
    assert int(files) >= 3 * int(connections)
    master = (proxy.folder / "nginx.pid").read_text().strip()
    workers = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    for worker in workers:
        (limit,) = re.findall(r"open files +(\d+)", Path(f"/proc/{worker}/limits").read_text())
        assert limit == files


def test_a_client_error_of_the_server_passes_as_it_is(proxy: Proxy) -> None:
    response = proxy.send("POST", PREDICT, b'{"instances": [[1, 2]]}')
    assert response.status == 400
    assert "784" in response.json()["error"]
    unknown = proxy.send("GET", "/highway/v2/models/unknown")
    assert unknown.status == 404
    assert unknown.json()["error"].startswith("model: expected ")


def test_more_than_a_burst_of_requests_from_one_address_is_refused(proxy: Proxy) -> None:
    refused = limited(proxy, "127.0.0.2")
    assert refused.headers["retry-after"] == "1"
    assert refused.json() == {"error": "too many requests from this address; retry after a second"}
    assert proxy.send("GET", "/highway/v2", client="127.0.0.3").status == 200


def limited(proxy: Proxy, client: str) -> Response:
    """Send requests until one is refused; return its response."""
    refused: list[Response] = []

    def send() -> None:
        connection = proxy.connection(client)
        for _ in range(600):
            response = send_on(connection, "GET", "/highway/v2")
            if response.status == 429:
                refused.append(response)
            if refused:
                break
        connection.close()

    threads = [Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return refused[0]


def test_more_than_64_requests_at_once_from_one_address_are_refused(proxy: Proxy) -> None:
    with ExitStack() as stack:
        for _ in range(64):
            connection = stack.enter_context(open_connection(proxy, "127.0.0.4"))
            connection.sendall(
                b"POST /highway/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{"
            )
        statuses = [proxy.send("GET", "/highway/v2", client="127.0.0.4").status for _ in range(3)]
        assert statuses[-1] == 429


def test_the_access_log_has_the_request_id_and_no_query(proxy: Proxy) -> None:
    headers = {"X-Request-Id": "order-17"}
    assert proxy.send("POST", f"{PREDICT}?secret=1", SEVEN, headers).status == 200
    (line,) = [line for line in proxy.logged() if line["request_id"] == "order-17"]
    assert line["status"] == 200
    assert line["path"] == PREDICT
    assert "secret" not in (proxy.folder / "access").read_text()


def test_a_request_recorded_by_either_replica_is_found_by_both(
    proxy: Proxy, replicas: Replicas
) -> None:
    for number in range(8):
        headers = {"X-Request-Id": f"shared-{number}"}
        assert proxy.send("POST", PREDICT, SEVEN, headers).status == 200
    used = {line["server"] for line in proxy.logged() if line["request_id"].startswith("shared-")}
    assert used == {f"127.0.0.1:{port}" for port in replicas.ports}
    for port in replicas.ports:
        for number in range(8):
            found = until_recorded(port, f"shared-{number}")
            assert found["rows"][0]["label"] == "7"
    assert b"PAR1" in proxy.send("GET", "/highway/requests.parquet").body


def until_recorded(port: int, identifier: str) -> dict[str, list[dict[str, object]]]:
    """Wait until a request is in the ledger; return what the server says about it."""
    for _ in range(100):
        response = get(port, f"/requests/{identifier}")
        if response.status == 200:
            found: dict[str, list[dict[str, object]]] = json.loads(response.body)
            return found
        Event().wait(0.1)
    raise AssertionError(f"{identifier}: {response.body!r}; {get(port, '/ledger').body!r}")


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    file = tmp_path / "keys"
    file.write_text(f"shop predict {'0' * 64}\n")
    return file


@pytest.fixture
def guarded(
    tmp_path: Path, secrets: Path, keys: Path, replica_settings: dict[str, str]
) -> Iterator[Proxy]:
    """A proxy in front of a server that needs keys."""
    settings = {**replica_settings, "HIGHWAY_LEDGER_URL": "off", "HIGHWAY_API_KEYS": str(keys)}
    with (
        running(BUNDLED, settings=settings) as server,
        proxying(tmp_path / "nginx", secrets, server.port, server.port) as proxy,
    ):
        yield proxy


def test_the_servers_429_passes_with_retry_after_and_concerns_one_client(guarded: Proxy) -> None:
    for _ in range(10):
        assert wrong_key(guarded, "127.0.0.5").status == 401
    refused = wrong_key(guarded, "127.0.0.5")
    assert refused.status == 429
    assert int(refused.headers["retry-after"]) >= 1
    assert "keys" in refused.json()["error"]
    assert wrong_key(guarded, "127.0.0.6").status == 401


def test_a_client_cannot_pretend_to_have_another_address(guarded: Proxy) -> None:
    for number in range(10):
        forged = {"X-Forwarded-For": f"10.0.0.{number}", "Forwarded": f"for=10.0.1.{number}"}
        assert wrong_key(guarded, "127.0.0.7", forged).status == 401
    assert wrong_key(guarded, "127.0.0.7", {"X-Forwarded-For": "10.0.0.99"}).status == 429


def wrong_key(proxy: Proxy, client: str, headers: dict[str, str] | None = None) -> Response:
    headers = {"X-API-Key": "hwk_wrong", **(headers or {})}
    return proxy.send("POST", PREDICT, SEVEN, headers, client)


def test_the_servers_503_passes_with_retry_after(
    tmp_path: Path, secrets: Path, replica_settings: dict[str, str]
) -> None:
    settings = {**replica_settings, "HIGHWAY_LEDGER_URL": "off", "HIGHWAY_MAX_CONNECTIONS": "1"}
    with (
        running(BUNDLED, settings=settings) as server,
        socket.create_connection(("127.0.0.1", server.port), 5) as busy,
        proxying(tmp_path / "nginx", secrets, server.port, server.port) as proxy,
    ):
        busy.sendall(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{")
        response = proxy.send("POST", PREDICT, SEVEN)
    assert response.status == 503
    assert int(response.headers["retry-after"]) >= 1
    assert "connections" in response.json()["error"]


def test_no_request_fails_while_one_of_two_replicas_stops(
    tmp_path: Path, secrets: Path, replica_settings: dict[str, str]
) -> None:
    settings = {**replica_settings, "HIGHWAY_LEDGER_URL": "off"}
    with (
        running(BUNDLED, settings=settings) as stopping,
        running(BUNDLED, settings=settings) as staying,
        proxying(tmp_path / "nginx", secrets, stopping.port, staying.port) as proxy,
    ):
        stop, statuses = Event(), list[int]()

        def load(client: str) -> None:
            connection = proxy.connection(client)
            while not stop.wait(0.02):
                statuses.append(send_on(connection, "POST", PREDICT, SEVEN).status)
            connection.close()

        threads = [Thread(target=load, args=(f"127.0.0.{10 + n}",)) for n in range(4)]
        for thread in threads:
            thread.start()
        Event().wait(0.5)
        assert stopping.exit_seconds(signal.SIGTERM) < 10
        Event().wait(0.5)
        stop.set()
        for thread in threads:
            thread.join()
        assert len(statuses) > 20
        assert set(statuses) == {200}
        os.killpg(staying.pid, signal.SIGKILL)
        staying.process.wait()
        response = proxy.send("POST", PREDICT, SEVEN)
    assert response.status == 503
    assert response.headers["retry-after"] == "1"
    assert response.json()["error"] == "no replica of the service is ready; retry after a second"


def test_reads_of_a_ledger_without_its_database_do_not_stop_predictions(
    tmp_path: Path, secrets: Path, replica_settings: dict[str, str]
) -> None:
    settings = {
        **replica_settings,
        "HIGHWAY_LEDGER_URL": f"postgresql://a@127.0.0.1:{free_port()}/a",
    }
    with (
        running(BUNDLED, settings=settings) as first,
        running(BUNDLED, settings=settings) as second,
        proxying(tmp_path / "nginx", secrets, first.port, second.port) as proxy,
    ):
        for _ in range(8):
            unavailable = proxy.send("GET", "/highway/requests")
            assert unavailable.status == 503
            assert "ledger's database is unavailable" in unavailable.json()["error"]
            assert proxy.send("POST", PREDICT, SEVEN).status == 200


def test_idle_connections_are_closed_by_the_proxy_first() -> None:
    text = CONFIGURATION.read_text()
    assert "keepalive_timeout 60s;" in text
    assert Settings().keep_alive_seconds > 60
