import socket
import sys

import pytest

from service.http.flow import set_least_hops
from service.server.listener import address_of, listen, refuse_new_connections, reserve
from service.settings import Settings, SettingsError


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_connections_that_wait_are_accepted_and_no_new_one_begins(host: str) -> None:
    with listen(host, 0) as listener:
        address = listener.getsockname()[:2]
        waiting = [socket.create_connection(address) for _ in range(3)]
        refuse_new_connections(listener)
        if sys.platform == "linux":
            with pytest.raises(TimeoutError):
                socket.create_connection(address, timeout=0.1)
        listener.setblocking(False)
        accepted = [listener.accept()[0] for _ in waiting]
        with pytest.raises(BlockingIOError):
            listener.accept()
        waiting[0].sendall(b"x")  # the refusal is the listener's, not the connections'
        assert accepted[0].recv(1) == b"x"
        for connection in (*waiting, *accepted):
            connection.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_connection_that_a_refusing_listener_has_completed_receives_again(host: str) -> None:
    with listen(host, 0) as listener:
        client = socket.create_connection(listener.getsockname()[:2])
        connection, _ = listener.accept()
        refuse_new_connections(connection)  # as it inherits it, if its handshake ends after that
        client.sendall(b"x")
        connection.settimeout(0.1)
        if sys.platform == "linux":
            with pytest.raises(TimeoutError):
                connection.recv(1)
        set_least_hops(connection, 0)
        connection.settimeout(10)
        assert connection.recv(1) == b"x"  # the client sends again
        client.close()
        connection.close()


def test_the_address_is_shown_as_a_url() -> None:
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        assert address_of(listener, Settings()) == f"http://127.0.0.1:{port}"


def test_a_port_in_use_names_the_option_or_the_variable() -> None:
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(SettingsError) as error:
            listen("127.0.0.1", port, "HIGHWAY_HEALTH_PORT")
        assert str(error.value) == (
            f"cannot listen on 127.0.0.1:{port}: Address already in use; choose another "
            "HIGHWAY_HEALTH_PORT"
        )


def test_a_reserved_port_is_shared_with_those_who_say_so_only() -> None:
    with reserve("127.0.0.1", 0, "HIGHWAY_GRPC_PORT") as reserved:
        address = reserved.getsockname()
        with socket.create_server(address, reuse_port=True), socket.create_connection(address):
            with pytest.raises(SettingsError) as error:
                reserve("127.0.0.1", address[1], "HIGHWAY_GRPC_PORT")
            assert str(error.value) == (
                f"cannot listen on 127.0.0.1:{address[1]}: Address already in use; choose another "
                "HIGHWAY_GRPC_PORT"
            )


def test_a_reserved_port_accepts_no_connection() -> None:
    with (
        reserve("::1", 0, "HIGHWAY_GRPC_PORT") as reserved,
        pytest.raises(ConnectionRefusedError),
    ):
        socket.create_connection(reserved.getsockname()[:2])
