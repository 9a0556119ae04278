from dataclasses import replace

from benchmarks.workers.load import OWN, SHARED, StoppedCell, WorkersCell
from benchmarks.workers.tables import loads, model, new_connections, scaling, stopped


def cell(
    sockets: str, workers: int, rate: float, *, us: float = 100, keep_alive: bool = True
) -> WorkersCell:
    return WorkersCell(
        network="dense-10",
        sockets=sockets,
        workers=workers,
        clients=16,
        keep_alive=keep_alive,
        requests_per_second=rate,
        p50_ms=1.5,
        p99_ms=3.25,
        errors=0,
        worker_us=us,
        supervisor_us=0,
        client_us=25,
        most_connections=[0.75, 0.5, 0.5],
        most_processor_time=[0.6, 0.5, 0.55],
    )


CELLS = [
    cell(SHARED, 1, 8000),
    cell(SHARED, 2, 12000),
    cell(OWN, 2, 8000),
    cell(SHARED, 1, 2000, us=200, keep_alive=False),
    cell(SHARED, 2, 3000, us=300, keep_alive=False),
    cell(OWN, 2, 3000, us=250, keep_alive=False),
]


def body_of(table: str) -> list[str]:
    return table.splitlines()[2:]


def test_loads_have_the_shares_of_each_round_in_order() -> None:
    rows = body_of(loads(CELLS))
    assert rows[1] == (
        "| dense-10 | shared listener | 2 | 16 | 12,000 | 1.50, 3.25 | 100, 25 "
        "| 0.50, 0.50, 0.75 | 0.50, 0.55, 0.60 | 0 |"
    )
    assert "| 16, new connections |" in rows[3]
    assert "| – | 0.50, 0.55, 0.60 |" in rows[3]


def test_a_load_whose_connections_were_not_seen_is_a_dash() -> None:
    (row,) = body_of(loads([replace(CELLS[1], most_connections=[0.5, 0.0])]))
    assert "| –, 0.50 |" in row


def test_scaling_compares_two_workers_with_one_and_with_the_model() -> None:
    # The busiest worker has half of the connections: the model expects 2 / 125 µs of two cores.
    assert body_of(scaling(CELLS, 2)) == [
        "| dense-10 | shared listener | 16 | 1.50 | 0.75 |",
        "| dense-10 | own sockets | 16 | 1.00 | 0.50 |",
    ]


def test_a_stopped_worker_is_a_row() -> None:
    cells = [StoppedCell(sockets=OWN, sent=40, answered=18)]
    assert body_of(stopped(cells)) == ["| own sockets | 40 | 18 |"]


def test_the_model_has_a_row_for_each_number_of_cores() -> None:
    rows = body_of(model(CELLS))
    assert len(rows) == 5
    assert rows[0].startswith("| dense-10 | 16 | 2 | 20,000 | ")
    assert rows[3].startswith("| dense-10 | 16 | 16 | 160,000 | ")


def test_new_connections_compare_the_kinds_of_sockets() -> None:
    # Waking another worker costs 50 µs: 4 / (250 + 3 · 50) µs.
    assert body_of(new_connections(CELLS)) == [
        "| dense-10 | 16 | 200 | 300 | 250 | 10,000 | 13,333 | 16,000 |"
    ]
