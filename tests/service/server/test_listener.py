import socket
import sys

import pytest

from service.server.listener import address_of, listen, refuse_new_connections, reserve
from service.settings import Settings, SettingsError


def test_connections_that_wait_are_accepted_and_no_new_one_begins() -> None:
    with listen("127.0.0.1", 0) as listener:
        address = listener.getsockname()
        waiting = [socket.create_connection(address) for _ in range(3)]
        refuse_new_connections(listener)
        if sys.platform == "linux":
            with pytest.raises(TimeoutError):
                socket.create_connection(address, timeout=0.1)
        listener.setblocking(False)
        accepted = [listener.accept()[0] for _ in waiting]
        with pytest.raises(BlockingIOError):
            listener.accept()
        waiting[0].sendall(b"x")  # the filter is the listener's, not the connections'
        for connection in (*waiting, *accepted):
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
