from pathlib import Path

from benchmarks.drift.results import Required, Results


def test_results_read_back_as_they_were_written(tmp_path: Path) -> None:
    rows = Required(
        window="5m",
        share=0.1,
        degrees=45,
        half=440,
        nine_in_ten=880,
        by_gates=None,
        by_labels=None,
        by_atypical=880,
    )
    results = Results(required=[rows])
    results.write(tmp_path / "new" / "results.json")
    assert Results.read(tmp_path / "new" / "results.json") == results
