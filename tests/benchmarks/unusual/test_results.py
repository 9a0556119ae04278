from pathlib import Path

from benchmarks.unusual.results import Few, Network, Results, Uniform


def network(seed: int) -> Network:
    return Network(
        preset="dense-10",
        seed=seed,
        accuracy=0.98,
        seconds=1.5,
        auroc={"both": {"noise": 0.9}},
        noticed={"both": {"noise": 0.4}},
        layers=[{"gates": 0.8, "both": 0.9}],
        uniform={"both": Uniform(distance=0.01, shares=[0.05], quantiles=[0.1, 1.0])},
        few=[Few(rows=200, below_hundredth={"both": [0.02, 0.01]})],
    )


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    results = Results(networks=[network(0), network(1)])
    results.write(tmp_path / "new" / "results.json")
    assert Results.read(tmp_path / "new" / "results.json") == results


def test_networks_are_found_by_preset() -> None:
    results = Results(networks=[network(0), network(1)])
    assert results.of("dense-10") == [network(0), network(1)]
    assert results.of("mnist-conv-16") == []
