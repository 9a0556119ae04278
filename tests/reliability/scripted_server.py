"""A server on a socket that answers a number of requests on each connection, then closes it."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@contextmanager
def serving(answers: int, answer: bytes = ANSWER) -> Iterator[int]:
    """Answer every message of at most 64 KB; gives the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=_accept, args=(listener, answers, answer), daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def _accept(listener: socket.socket, answers: int, answer: bytes) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            Thread(target=_serve, args=(client, answers, answer), daemon=True).start()


def _serve(client: socket.socket, answers: int, answer: bytes) -> None:
    with client, suppress(OSError):
        for _ in range(answers):
            if not client.recv(1 << 16):
                return
            client.sendall(answer)
        client.recv(1 << 16)  # one more request, which is lost
