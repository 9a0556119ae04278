"""The whole benchmark, short, with the bundled model."""

from pathlib import Path

import pytest

from benchmarks.overload import __main__ as module
from benchmarks.overload.scenarios import Result, Scenarios
from benchmarks.serving.bodies import instances, random_rows
from benchmarks.serving.networks import Network
from benchmarks.serving.page import filled, table
from benchmarks.serving.servers import project, running
from service.classifier import Classifier


@pytest.fixture
def network(tmp_path: Path) -> Network:
    from tests.service.conftest import Recipe

    file = tmp_path / "tiny.onnx"
    file.write_bytes(Recipe().build())
    return Network(
        title="tiny", file=file, name="tiny", size=Classifier.load(file).metadata.input.size
    )


def test_every_scenario_measures_a_small_server(network: Network) -> None:
    with (
        running(project, network.file, instances("/predict", random_rows(1, 4))) as server,
        Scenarios(network, server, 0.5) as scenarios,
    ):
        assert scenarios.capacity("JSON", 1, rounds=1) > 0
        loaded = scenarios.open_loop("binary", 32, rate=40, percent=50)
        greedy, small = scenarios.greedy("JSON")
    assert (loaded.load, loaded.offered) == ("binary, 32 rows, 50 %", 20)
    assert loaded.goodput > 0
    assert loaded.failed == greedy.failed == small.failed == 0
    assert greedy.load == "JSON, 64 × 1,000 rows"
    assert small.load == "JSON, 64 × 1,000 rows: the small client"
    assert 0 < loaded.health_max_ms < 5000


def test_a_result_is_a_row_of_the_page() -> None:
    result = Result(
        load="JSON, 1 row, 300 %",
        offered=300.0,
        goodput=95.0,
        accepted_p50_ms=10.4,
        accepted_p99_ms=None,
        refused=200,
        refused_p99_ms=21.6,
        failed=0,
        health_max_ms=9.9,
        recovery_seconds=0.126,
    )
    assert list(module.result_row(result, 100.0).values()) == [
        *("JSON, 1 row, 300 %", "300", "95", "0.95", "10, –", "200", "22", "0", "10", "0.13"),
    ]
    assert module.result_row(result, None)["of capacity"] == "–"


def test_the_page_has_a_place_for_every_table() -> None:
    page = module.PAGE.read_text()
    assert filled(page, dict.fromkeys(("loads", "greedy", "machine"), table([{"a": 1}])))
