import shutil

import pytest

from benchmarks.serving.networks import Network
from benchmarks.serving.wrk import Load
from benchmarks.workers.load import (
    OWN,
    SHARED,
    Measured,
    largest_share,
    loads,
    stopped_worker,
    summary,
)
from service.settings import BUNDLED_MODEL

NETWORK = Network(title="convolutional", file=BUNDLED_MODEL, name="digits", size=784)


def test_the_largest_share_is_one_of_the_sum() -> None:
    assert largest_share([12, 4]) == 0.75
    assert largest_share([0, 0]) == 0


def test_a_summary_has_medians_and_the_shares_of_each_round() -> None:
    def measured(rate: float, worker_seconds: list[float]) -> Measured:
        return Measured(
            load=Load(requests_per_second=rate, p50_ms=1, p99_ms=2, errors=1),
            client_seconds=0.1,
            supervisor_seconds=0.01,
            worker_seconds=worker_seconds,
            connections=[12, 4],
        )

    rounds = [measured(100, [0.01, 0.03]), measured(200, [0.02, 0.02]), measured(400, [0.04, 0.0])]
    cell = summary(
        rounds,
        network="dense-10",
        sockets=SHARED,
        workers=2,
        clients=16,
        keep_alive=True,
        seconds=1,
    )
    assert (cell.requests_per_second, cell.errors) == (200, 3)
    assert (cell.worker_us, cell.supervisor_us, cell.client_us) == (200, 50, 500)
    assert cell.most_connections == [0.75, 0.75, 0.75]
    assert cell.most_processor_time == [0.75, 0.5, 1.0]


@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
def test_both_kinds_of_sockets_are_loaded() -> None:
    cells = list(loads(NETWORK, (16,), rounds=1, seconds=1))
    assert [(cell.sockets, cell.workers) for cell in cells] == [(SHARED, 1), (SHARED, 2), (OWN, 2)]
    assert all(cell.requests_per_second > 0 and cell.worker_us > 0 for cell in cells)
    assert cells[0].most_connections == [1]
    assert cells[1].most_connections[0] >= 0.5


def test_the_shared_listener_answers_while_a_worker_is_stopped() -> None:
    cell = stopped_worker(NETWORK, SHARED)
    assert (cell.sent, cell.answered) == (40, 40)
