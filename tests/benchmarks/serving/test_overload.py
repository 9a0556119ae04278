import numpy as np
import pytest

from benchmarks.serving import overload as module
from benchmarks.serving.bodies import Body
from benchmarks.serving.contenders import JSON, Contender
from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.networks import Network
from benchmarks.serving.overload import overload, percentile_ms
from benchmarks.serving.results import OpenLoop
from benchmarks.serving.servers import ROOT, Server
from service.arrays import FloatArray
from tests.benchmarks.serving.scripted_server import OK, REJECTED, scripted_server

NETWORK = Network(title="dense-10", file=ROOT, name="m", size=4)


def send(rows: FloatArray) -> Body:
    return Body(path="/", headers={}, content=rows.tobytes())


def loaded(*responses: bytes) -> OpenLoop:
    with scripted_server(*responses) as port:
        return overload(
            NETWORK,
            Server(pid=0, port=port, start_seconds=0),
            Contender(name="c", server="s", format=JSON, body=send),
            rows=2,
            capacity=400,
            percent=50,
            arrivals="steady",
            seconds=0.2,
        )


def test_offered_accepted_and_rejected_requests_are_counted() -> None:
    result = loaded(OK, REJECTED)
    assert (result.network, result.contender) == ("dense-10", "c")
    assert (result.rows, result.percent) == (2, 50)
    assert result.offered == 200
    assert result.responses == {"200": 20, "429": 20}
    assert 0 < result.goodput <= 100
    assert result.p50_ms is not None
    assert result.rejected_p99_ms is not None


def test_requests_without_a_response_are_counted() -> None:
    result = loaded(OK, OK, OK, b"", OK)
    assert result.responses == {"200": 32, "none": 8}
    assert result.rejected_p50_ms is None


def test_a_server_that_does_not_recover_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SETTLE_SECONDS", 0)
    with pytest.raises(BenchmarkError) as failure:
        loaded(REJECTED)
    assert str(failure.value) == ("the server did not recover from the overload within 0 s")


def test_percentiles_are_in_milliseconds_and_none_without_values() -> None:
    assert percentile_ms(np.linspace(0, 1, 101).tolist(), 99) == 990
    assert percentile_ms([], 50) is None
