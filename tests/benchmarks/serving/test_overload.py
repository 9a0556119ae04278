import numpy as np
import pytest

from benchmarks.serving import overload as module
from benchmarks.serving.bodies import Body
from benchmarks.serving.contenders import Contender
from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.networks import Network
from benchmarks.serving.overload import overload, percentile_ms
from benchmarks.serving.results import OpenLoop
from benchmarks.serving.servers import ROOT, Server
from service.classifier import FloatArray
from tests.benchmarks.serving.answering import OK, REFUSED, answering

NETWORK = Network(layers=10, file=ROOT, name="m", size=4)


def ask(rows: FloatArray) -> Body:
    return Body(path="/", headers={}, content=rows.tobytes())


def loaded(*answers: bytes) -> OpenLoop:
    with answering(*answers) as port:
        return overload(
            NETWORK,
            Server(pid=0, port=port, start_seconds=0),
            Contender(name="c", server="s", body=ask),
            rows=2,
            capacity=400,
            percent=50,
            arrivals="steady",
            seconds=0.2,
        )


def test_what_is_offered_answered_and_refused_is_told() -> None:
    found = loaded(OK, REFUSED)
    assert (found.layers, found.contender, found.rows, found.percent) == (10, "c", 2, 50)
    assert found.offered == 200
    assert found.answers == {"200": 20, "429": 20}
    assert 0 < found.goodput <= 100
    assert found.p50_ms is not None
    assert found.refuse_p99_ms is not None


def test_requests_without_an_answer_are_counted_as_such() -> None:
    found = loaded(OK, OK, OK, b"", OK)
    assert found.answers == {"200": 32, "none": 8}
    assert found.refuse_p50_ms is None


def test_a_server_that_does_not_recover_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SETTLE_SECONDS", 0)
    with pytest.raises(BenchmarkError) as failure:
        loaded(REFUSED)
    assert str(failure.value) == (
        "expected a server that answers again after overload, found none within 0 s"
    )


def test_percentiles_are_in_milliseconds_and_none_of_nothing() -> None:
    assert percentile_ms(np.linspace(0, 1, 101).tolist(), 99) == 990
    assert percentile_ms([], 50) is None
