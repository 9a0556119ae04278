from pathlib import Path

from benchmarks.serving.results import Alone, Results


def test_results_are_read_as_written(tmp_path: Path) -> None:
    results = Results(machine={"cores": 2})
    results.add(Alone(layers=10, rows=1, microseconds=31.5))
    results.write(tmp_path / "new" / "results.json")
    assert Results.read(tmp_path / "new" / "results.json") == results
    assert results.alone == [Alone(layers=10, rows=1, microseconds=31.5)]
