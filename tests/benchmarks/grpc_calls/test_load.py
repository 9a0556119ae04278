"""The load generators, and what is read from their output."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.grpc_calls.load import (
    Call,
    checked,
    generator,
    load,
    message,
    read_h2load,
)
from benchmarks.serving.bodies import random_rows
from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.networks import Network
from service.classifier import Classifier
from service.grpc.messages import ModelInferRequest
from service.settings import BUNDLED_MODEL
from tests.service.grpc.transport import serving_grpc

NETWORK = Network(title="convolutional", file=BUNDLED_MODEL, name="digits", size=784)
OUTPUT = "traffic: 387.37KB (396666) total, 4.42KB (4530) headers (saved 94%), 1.4KB (426) data"
LOG = "100\t200\t1000\n200\t200\t3000\n300\t200\t5000\n"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving_grpc(Classifier.load(BUNDLED_MODEL)) as server:
        yield server.port


def test_a_message_has_the_rows_and_the_outputs_of_all_contenders() -> None:
    rows = random_rows(2, 4)
    request = ModelInferRequest.FromString(message("digits", rows))
    (tensor,) = request.inputs
    assert (request.model_name, tensor.name, tensor.datatype) == ("digits", "input", "FP32")
    assert list(tensor.shape) == [2, 4]
    assert request.raw_input_contents == [rows.tobytes()]
    assert [output.name for output in request.outputs] == ["gate_mean", "probabilities"]


def test_the_figures_of_h2load_are_read() -> None:
    # Each of three responses has 142 bytes, 5 of them before the message.
    figures = read_h2load(OUTPUT, LOG, response_bytes=137, seconds=2)
    assert (figures.requests_per_second, figures.p50_ms, figures.errors) == (1.5, 3.0, 0)
    assert figures.p99_ms == pytest.approx(4.96)


def test_a_call_without_a_message_is_an_error() -> None:
    figures = read_h2load(OUTPUT, LOG + LOG, response_bytes=137, seconds=2)
    assert figures.errors == 3


@pytest.mark.parametrize(("output", "log"), [("", LOG), (OUTPUT, "")])
def test_no_response_is_a_sentence(output: str, log: str) -> None:
    with pytest.raises(BenchmarkError, match=r"^h2load got no response$"):
        read_h2load(output, log, response_bytes=137, seconds=2)


def test_a_server_with_the_outputs_of_the_network_is_accepted(port: int) -> None:
    call = checked(port, "digits", NETWORK, random_rows(1, 784))
    assert call.response_bytes > 0


def test_an_error_of_the_server_is_a_sentence(port: int) -> None:
    with pytest.raises(BenchmarkError) as error:
        checked(port, "other", NETWORK, random_rows(1, 784))
    assert str(error.value) == (
        "ModelInfer: NOT_FOUND: model: expected 'digits', found another name"
    )


def test_without_h2load_a_process_with_grpcio_makes_the_calls(
    port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert generator().startswith("grpcio 1.")
    rows = random_rows(1, 784)
    call = checked(port, "digits", NETWORK, rows)
    figures = load(port, call, clients=2, seconds=1)
    assert figures.requests_per_second > 10
    assert 0 < figures.p50_ms <= figures.p99_ms
    assert figures.errors == 0
    wrong = Call(message=message("other", rows), response_bytes=0)
    assert load(port, wrong, clients=1, seconds=1).errors > 0
