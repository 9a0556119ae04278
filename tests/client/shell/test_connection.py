"""The other calls are tested by the commands that use them."""

import socket
from collections.abc import Callable
from dataclasses import replace

import pytest
from highway_client.description import read_description
from highway_client.errors import ResponseError, ServerError
from highway_client.shell.connection import Connection

from tests.client.conftest import MODEL, respond, response, scripted


def test_rows_that_were_read_for_another_version_are_an_error() -> None:
    described = read_description(response(MODEL))
    other = replace(described, labels=("cat", "wolf"))
    with (
        scripted(respond) as url,
        Connection(url, model="tiny") as connection,
        pytest.raises(ResponseError) as caught,
    ):
        connection.predict_part([[1, 0]], other)
    assert str(caught.value) == (
        "the server has loaded another version of the model since; run the command again"
    )


def test_rows_that_were_read_for_this_version_are_predicted() -> None:
    described = read_description(response(MODEL))
    with scripted(respond) as url, Connection(url, model="tiny") as connection:
        assert connection.predict_part([[1, 0]], described).labels == ("dog",)


def test_a_version_that_is_no_longer_served_has_no_description(url: str) -> None:
    with Connection(url) as connection:
        assert connection.served("digits", "99") is None
        description = connection.served("digits", "1")
    assert description is not None
    assert description.name == "digits"


def refusing(status: int) -> Callable[[socket.socket], None]:
    def respond(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            head = f"HTTP/1.1 {status} Refused\r\nContent-Length: 14\r\n\r\n"
            connection.sendall(head.encode() + b'{"error": "k"}')

    return respond


def test_a_key_that_may_not_read_models_gets_no_description() -> None:
    with scripted(refusing(403)) as url, Connection(url) as connection:
        assert connection.served("digits", "1") is None


def test_other_errors_of_a_description_are_raised() -> None:
    with scripted(refusing(401)) as url, Connection(url) as connection, pytest.raises(ServerError):
        connection.served("digits", "1")
