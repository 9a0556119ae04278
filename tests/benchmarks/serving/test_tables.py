from benchmarks.serving.contenders import DEF, PROJECT, V2_BINARY, V2_JSON
from benchmarks.serving.results import Alone, Cell, Footprint, GateCost, OpenLoop, Results
from benchmarks.serving.tables import (
    alone,
    bursts,
    closed_loop,
    footprint,
    gates,
    machine,
    overload,
    processor_time,
    start,
)


def cell(contender: str, rate: float, *, clients: int = 16, errors: int = 0) -> Cell:
    return Cell(
        network="dense-10",
        contender=contender,
        rows=1,
        clients=clients,
        requests_per_second=rate,
        p50_ms=0.5,
        p99_ms=1.25,
        errors=errors,
        cpu_us=1234.5,
        rates=[rate],
    )


def open_loop(percent: int, arrivals: str, *, late: float = 0.1) -> OpenLoop:
    return OpenLoop(
        network="dense-100",
        contender=V2_JSON,
        rows=1,
        arrivals=arrivals,
        percent=percent,
        offered=3000,
        goodput=2000,
        p50_ms=1.0,
        p99_ms=4.0,
        rejected_p50_ms=0.25,
        rejected_p99_ms=0.5,
        late_p99_ms=late,
        responses={"200": 6000, "429": 3000},
    )


def body_of(table: str) -> list[str]:
    return table.splitlines()[2:]


def test_the_machine_is_described_in_a_sentence() -> None:
    text = machine(
        Results(machine={"processor": "P", "cores": 2, "load_before": 0.1, "python": "3.11"})
    )
    assert text == "P, 2 cores, load before the benchmark 0.1; python 3.11."


def test_the_closed_loop_has_a_row_for_a_contender_and_a_column_for_a_load() -> None:
    cells = [cell(V2_JSON, 500, clients=1), cell(V2_JSON, 9000, errors=3), cell(DEF, 1500)]
    assert closed_loop(Results(machine={}, cells=cells)).splitlines() == [
        "| network | request | 1 row, 1 client | 1 row, 16 clients |",
        "| --- | --- | --- | --- |",
        "| dense-10 | V2 JSON | 500 (0.50, 1.25) | 9,000 (0.50, 1.25), 3 errors |",
        "| dense-10 | FastAPI, `def` | – | 1,500 (0.50, 1.25) |",
    ]


def test_the_processor_time_has_the_same_form() -> None:
    cells = [cell(V2_JSON, 500, clients=1), cell(DEF, 1500)]
    assert body_of(processor_time(Results(machine={}, cells=cells))) == [
        "| dense-10 | V2 JSON | 1,234 | – |",
        "| dense-10 | FastAPI, `def` | – | 1,234 |",
    ]


def test_a_batch_alone_is_compared_with_a_single_client() -> None:
    results = Results(
        machine={},
        alone=[Alone(network="dense-10", rows=1, microseconds=31.4)],
        cells=[cell(V2_BINARY, 5000, clients=1)],
    )
    assert body_of(alone(results)) == ["| dense-10 | 1 | 31 µs | 500 µs | – |"]


def test_the_cost_of_gates_is_a_share() -> None:
    cost = GateCost(
        network="dense-10",
        contender=V2_JSON,
        rows=32,
        clients=16,
        pairs=8,
        share=0.985,
        lowest=0.97,
        highest=1.01,
        errors=0,
    )
    assert body_of(gates(Results(machine={}, gates=[cost]))) == [
        "| dense-10 | V2 JSON | 32 | 0.985 | 0.970 to 1.010 | 8 | 0 |"
    ]


def test_overload_lists_steady_rates_and_marks_a_late_driver() -> None:
    actual = [open_loop(150, "steady"), open_loop(300, "steady", late=2.0), open_loop(50, "gamma")]
    assert body_of(overload(Results(machine={}, open_loop=actual))) == [
        "| V2 JSON, 1 row, dense-100 | 150 %, 3,000/s | 2,000/s | 1.00 | 4.00 "
        "| 200: 6,000, 429: 3,000 | 0.25 (p99 0.50) |",
        "| V2 JSON, 1 row, dense-100 | 300 %, 3,000/s | 2,000/s | 1.00 | 4.00 † "
        "| 200: 6,000, 429: 3,000 | 0.25 (p99 0.50) |",
    ]


def test_bursts_have_a_row_for_each_kind_and_a_column_for_each_load() -> None:
    actual = [open_loop(50, "gamma"), open_loop(80, "gamma"), open_loop(50, "steady")]
    assert bursts(Results(machine={}, open_loop=actual)).splitlines() == [
        "| request | arrivals | 50 % | 80 % |",
        "| --- | --- | --- | --- |",
        "| V2 JSON, 1 row, dense-100 | gamma | 2,000 (4.0) | 2,000 (4.0) |",
    ]


def test_a_footprint_has_units() -> None:
    actual = Footprint(
        network="dense-10",
        server="FastAPI",
        start_seconds=0.514,
        resident_mb_started=94.8,
        resident_mb_loaded=122.2,
        idle_cpu_percent=0.033,
    )
    assert body_of(footprint(Results(machine={}, footprints=[actual]))) == [
        "| dense-10 | FastAPI | 0.51 s | 95 MB | 122 MB | 0.03 % |"
    ]


def test_the_start_of_this_server_is_a_sentence() -> None:
    def measured(server: str, seconds: float, started: float, loaded: float) -> Footprint:
        return Footprint(
            network="dense-10",
            server=server,
            start_seconds=seconds,
            resident_mb_started=started,
            resident_mb_loaded=loaded,
            idle_cpu_percent=0,
        )

    footprints = [
        measured(PROJECT, 0.6, 94.4, 96.8),
        measured(PROJECT, 0.82, 99, 110.2),
        measured("mosec", 2, 50, 200),
    ]
    assert start(Results(machine={}, footprints=footprints)) == (
        "The server starts in 0.8 s and takes 94 MB of memory, at most 110 MB under these loads."
    )
    assert start(Results(machine={})) == "Not measured."
