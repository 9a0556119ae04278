from pathlib import Path

from benchmarks.serving.footprint import MeasuredLoad
from benchmarks.serving.results import Alone, Cell, Results
from benchmarks.serving.wrk import Load


def test_results_are_read_as_written(tmp_path: Path) -> None:
    results = Results(machine={"cores": 2})
    results.add(Alone(network="dense-10", rows=1, microseconds=31.5))
    results.write(tmp_path / "new" / "results.json")
    assert Results.read(tmp_path / "new" / "results.json") == results
    assert results.alone == [Alone(network="dense-10", rows=1, microseconds=31.5)]


def test_a_cell_has_the_medians_of_its_rounds_and_the_sum_of_errors() -> None:
    def measured(rate: float, cpu_us: float) -> MeasuredLoad:
        return MeasuredLoad(
            Load(requests_per_second=rate, p50_ms=1 / rate, p99_ms=2 / rate, errors=1), cpu_us
        )

    loads = [measured(100, 30), measured(400, 10), measured(200, 20)]
    cell = Cell.of(loads, network="dense-10", contender="c", rows=1, clients=16)
    assert (cell.requests_per_second, cell.p50_ms, cell.p99_ms) == (200, 0.005, 0.01)
    assert (cell.cpu_us, cell.errors, cell.rates) == (20, 3, [100, 400, 200])
