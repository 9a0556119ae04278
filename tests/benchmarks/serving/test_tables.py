from benchmarks.serving.contenders import ASYNC_DEF, DEF, V2_BINARY, V2_JSON
from benchmarks.serving.results import Alone, Cell, Footprint, GateCost, OpenLoop, Results
from benchmarks.serving.tables import (
    alone,
    bursts,
    closed_loop,
    comparison,
    footprint,
    gates,
    machine,
    overload,
)


def cell(contender: str, rate: float, *, clients: int = 16, errors: int = 0) -> Cell:
    return Cell(
        layers=10,
        contender=contender,
        rows=1,
        clients=clients,
        requests_per_second=rate,
        p50_ms=0.5,
        p99_ms=1.25,
        errors=errors,
    )


def open_loop(percent: int, arrivals: str, *, late: float = 0.1) -> OpenLoop:
    return OpenLoop(
        layers=100,
        contender=V2_JSON,
        rows=1,
        arrivals=arrivals,
        percent=percent,
        offered=3000,
        goodput=2000,
        p50_ms=1.0,
        p99_ms=4.0,
        refuse_p50_ms=0.25,
        refuse_p99_ms=0.5,
        late_p99_ms=late,
        answers={"200": 6000, "429": 3000},
    )


def lines(table: str) -> list[str]:
    return table.splitlines()[2:]


def test_the_machine_is_told_in_a_sentence() -> None:
    told = machine(
        Results(machine={"processor": "P", "cores": 2, "load_before": 0.1, "python": "3.11"})
    )
    assert told == "P, 2 cores, load before the run 0.1; python 3.11."


def test_the_comparison_divides_by_each_of_the_obvious_services() -> None:
    cells = [cell(V2_JSON, 9000), cell(DEF, 1500), cell(ASYNC_DEF, 3000), cell(DEF, 9, clients=1)]
    assert lines(comparison(Results(machine={}, cells=cells))) == ["| 10 | 1 | 9,000 | 6.0 | 3.0 |"]


def test_the_closed_loop_has_a_line_for_a_contender_and_a_column_for_a_load() -> None:
    cells = [cell(V2_JSON, 500, clients=1), cell(V2_JSON, 9000, errors=3), cell(DEF, 1500)]
    assert closed_loop(Results(machine={}, cells=cells)).splitlines() == [
        "| layers | asked | 1 row, 1 client | 1 row, 16 clients |",
        "| --- | --- | --- | --- |",
        "| 10 | V2 JSON | 500 (0.50, 1.25) | 9,000 (0.50, 1.25), 3 errors |",
        "| 10 | FastAPI, `def` | – | 1,500 (0.50, 1.25) |",
    ]


def test_a_run_alone_stands_beside_what_one_client_waits() -> None:
    results = Results(
        machine={},
        alone=[Alone(layers=10, rows=1, microseconds=31.4)],
        cells=[cell(V2_BINARY, 5000, clients=1)],
    )
    assert lines(alone(results)) == ["| 10 | 1 | 31 µs | 500 µs | – |"]


def test_the_gates_are_told_as_a_share() -> None:
    cost = GateCost(
        layers=10,
        contender=V2_JSON,
        rows=32,
        clients=16,
        pairs=8,
        share=0.985,
        lowest=0.97,
        highest=1.01,
        errors=0,
    )
    assert lines(gates(Results(machine={}, gates=[cost]))) == [
        "| 10 | V2 JSON | 32 | 0.985 | 0.970 to 1.010 | 8 | 0 |"
    ]


def test_overload_tells_steady_rates_and_marks_where_the_driver_was_late() -> None:
    found = [open_loop(150, "steady"), open_loop(300, "steady", late=2.0), open_loop(50, "gamma")]
    assert lines(overload(Results(machine={}, open_loop=found))) == [
        "| V2 JSON, 1 row, 100 layers | 150 %, 3,000/s | 2,000/s | 1.00 | 4.00 "
        "| 200: 6,000, 429: 3,000 | 0.25 (p99 0.50) |",
        "| V2 JSON, 1 row, 100 layers | 300 %, 3,000/s | 2,000/s | 1.00 | 4.00 † "
        "| 200: 6,000, 429: 3,000 | 0.25 (p99 0.50) |",
    ]


def test_bursts_have_a_line_for_each_kind_and_a_column_for_each_load() -> None:
    found = [open_loop(50, "gamma"), open_loop(80, "gamma"), open_loop(50, "steady")]
    assert bursts(Results(machine={}, open_loop=found)).splitlines() == [
        "| asked | arrivals | 50 % | 80 % |",
        "| --- | --- | --- | --- |",
        "| V2 JSON, 1 row, 100 layers | gamma | 2,000 (4.0) | 2,000 (4.0) |",
    ]


def test_a_footprint_is_told_with_its_units() -> None:
    found = Footprint(
        layers=10,
        server="FastAPI",
        start_seconds=0.514,
        resident_mb_started=94.8,
        resident_mb_loaded=122.2,
        idle_cpu_percent=0.033,
    )
    assert lines(footprint(Results(machine={}, footprints=[found]))) == [
        "| 10 | FastAPI | 0.51 s | 95 MB | 122 MB | 0.03 % |"
    ]
