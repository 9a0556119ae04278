from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.typicality.layers import FAULTS, Closed, Probe, closing_row, fault_rows, uniform_row
from models.data.dataset import Dataset
from models.gates.record import record_gates
from models.run import Run


@pytest.fixture(scope="module")
def dataset(run_path: Path) -> Dataset:
    return Run(run_path).dataset()


@pytest.fixture(scope="module")
def probe(run_path: Path, dataset: Dataset) -> Probe:
    """Three highway layers of eight units, trained on 8×8 digits."""
    network = Run(run_path).network()
    return Probe(network, record_gates(network, dataset).typicality.layers)


def closed(p_values: list[list[float]], changes: list[list[float]], labels: list[int]) -> Closed:
    """Two layers; closing the first one gives label 1, closing the second one label 2."""
    return Closed(
        np.array(p_values),
        np.array(changes),
        np.tile([1, 2], (len(labels), 1)),
        np.array(labels),
    )


def test_closing_a_layer_changes_what_the_closed_network_computes(
    probe: Probe, dataset: Dataset
) -> None:
    x = dataset.test.x[:20]
    actual = probe.close_each(x)
    plain, without = probe.run(x)[0], probe.run(x, closed=1)[0]
    assert actual.predicted.tolist() == plain.argmax(dim=1).tolist()
    assert actual.labels[:, 1].tolist() == without.argmax(dim=1).tolist()
    both = (torch.log_softmax(logits, dim=1)[0, actual.predicted[0]] for logits in (plain, without))
    assert actual.changes[0, 1] == pytest.approx(abs(float(next(both) - next(both))), abs=1e-5)
    assert actual.p_values.shape == actual.changes.shape == (20, 3)


def test_a_row_of_the_table_by_hand() -> None:
    # The layers named are 0, 0, 1; those of the largest change 0, 1, 1. The labels are 1, 1, 2;
    # rows 0 and 2 are wrong, and the named layer repairs both.
    rows = closed([[0.1, 0.5], [0.2, 0.3], [0.9, 0.4]], [[2, 1], [1, 2], [1, 2]], [0, 1, 0])
    row = closing_row(rows, rows, np.array([1, 1, 2]))
    assert row["same layer"] == "0.667"
    assert row["same if independent"] == "0.444"  # 2/3 · 1/3 + 1/3 · 2/3
    assert row["correlation over layers"] == "+0.333"  # 1, −1 and 1
    assert (row["repaired"], row["repaired by any layer"]) == ("1.000 of 2", "0.500")


def test_a_disturbance_changes_the_gates_of_its_layer_and_of_later_ones(
    probe: Probe, dataset: Dataset
) -> None:
    x = dataset.test.x[:5]
    before = probe.run(x)[1].reshape(5, 3, 8)
    with probe.disturbed(1, FAULTS["1 added to every log-odds"]):
        during = probe.run(x)[1].reshape(5, 3, 8)
    assert torch.equal(before[:, 0], during[:, 0])
    assert (during[:, 1] > before[:, 1]).all()
    assert not torch.equal(before[:, 2], during[:, 2])
    assert torch.equal(probe.run(x)[1].reshape(5, 3, 8), before)


def test_every_fault_has_a_row_with_the_share_of_named_layers(
    probe: Probe, dataset: Dataset
) -> None:
    rows = list(fault_rows(probe, dataset.test.x))
    assert [row["fault"] for row in rows] == list(FAULTS)
    assert {row["by chance"] for row in rows} == {"0.333"}
    assert all(float(str(row["named"])) > 0.33 for row in rows)


def test_even_p_values_are_uniform() -> None:
    even = (np.arange(1000) + 0.5) / 1000
    assert uniform_row(np.stack([even, even], axis=1)) == {
        "distance": "0.001 to 0.001",
        "below 0.01": "0.0100 to 0.0100",
    }
