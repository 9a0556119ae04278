"""gRPC's health checking protocol, as Kubernetes' probes call it."""

import pytest

from service.classifier import Classifier
from service.grpc.health import HEALTH_CHECK
from service.grpc.messages import SERVICE
from tests.service.conftest import Recipe
from tests.service.grpc.transport import Caller, serving_grpc

NAME = b"\x0a\x1e" + SERVICE.encode()


@pytest.mark.parametrize("body", [b"", NAME], ids=["server", "service"])
def test_a_ready_server_serves(caller: Caller, body: bytes) -> None:
    answer = caller.send(HEALTH_CHECK, body)
    assert (answer.code, answer.message) == ("OK", b"\x08\x01")


def test_a_stopping_server_does_not_serve() -> None:
    with serving_grpc(Classifier(Recipe().build())) as server, server.caller() as caller:
        server.lifecycle.draining = True
        assert caller.send(HEALTH_CHECK, b"").message == b"\x08\x02"


def test_another_service_is_not_found(caller: Caller) -> None:
    answer = caller.send(HEALTH_CHECK, b"\x0a\x05other")
    assert answer.code == "NOT_FOUND"
    assert answer.details == f"service: expected none or '{SERVICE}', found another"
