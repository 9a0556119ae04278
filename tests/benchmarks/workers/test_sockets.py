import os
import socket

from benchmarks.workers.sockets import connections


def test_established_connections_of_a_process_are_counted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert connections([os.getpid()], port) == {os.getpid(): 0}
        with socket.create_connection(("127.0.0.1", port)), listener.accept()[0]:
            assert connections([os.getpid()], port) == {os.getpid(): 1}


def test_a_process_that_has_ended_has_none() -> None:
    assert connections([2**22 + 1], 1) == {2**22 + 1: 0}
