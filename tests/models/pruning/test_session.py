"""Prunings of the known network: two of its four layers are useless, one serves some rows."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models.errors import ConfigError, RunError
from models.evaluation import evaluate
from models.progress import OnProgress
from models.pruning.record import (
    Attempt,
    Plan,
    PruningRecord,
    Result,
    read_record,
    write_record,
)
from models.pruning.session import NothingToPruneError, Subject, prune
from models.pruning.surgery import remove_layers
from models.run import Run
from tests.models.pruning.conftest import (
    ignore_progress,
    known_network,
    known_run,
    plain_network,
    weights,
)

RARE = 0.125  # the share of rows that need layer 4
TINY = 1e-9  # a learning rate that changes nothing


@contextmanager
def no_bar(_description: str, _total: int) -> Iterator[OnProgress]:
    yield ignore_progress


def ignore_attempt(_: Attempt) -> None:
    pass


def started(
    out: Path, run: Run, *, drop: float = 0.1, epochs: int = 2, rate: float | None = None
) -> Run:
    out.mkdir()
    plan = Plan(
        run=str(run.path), max_accuracy_drop=drop, finetune_epochs=epochs, learning_rate=rate
    )
    write_record(Run(out), PruningRecord(plan=plan))
    return Run(out)


def run_plan(out: Run) -> tuple[Result, list[Attempt]]:
    attempts: list[Attempt] = []
    return prune(out, no_bar, attempts.append), attempts


def stopping(after: int) -> Callable[[Attempt], None]:
    """Return a callback that stops a pruning as Ctrl-C does, after so many attempts."""
    attempts: list[Attempt] = []

    def on_attempt(attempt: Attempt) -> None:
        attempts.append(attempt)
        if len(attempts) == after:
            raise KeyboardInterrupt

    return on_attempt


@pytest.fixture(scope="module")
def pruned(tmp_path_factory: pytest.TempPathFactory, known: Run) -> Run:
    """The known run pruned within the default budget, without interruption."""
    out = started(tmp_path_factory.mktemp("pruned") / "out", known)
    run_plan(out)
    return out


def test_a_pruning_matches_a_hand_calculation(tmp_path: Path, known: Run) -> None:
    out = started(tmp_path / "out", known, rate=TINY)
    result, attempts = run_plan(out)
    record = read_record(out)
    assert record.order is not None
    assert record.order.layers == (2, 3, 4)
    assert record.order.accuracy == (1.0, 1.0, 1.0, 1 - RARE)
    assert attempts == [
        Attempt(removed=2, accuracy=1.0, within=True),
        Attempt(removed=3, accuracy=1 - RARE, within=False),
    ]
    assert list(record.attempts) == attempts
    assert record.result == result
    assert (result.removed, result.constant_gates, result.dropped_units) == ((2, 3), (1,), 1)
    assert result.finetuned
    assert (result.before.cost.highway_layers, result.after.cost.highway_layers) == (4, 2)
    assert result.before.cost.parameters == 178
    # Plain 3 + 3; layer 1 without a gate's product 3·3 + 3 + 3; layer 4 6·3 + 6; output 2·3 + 2.
    assert result.after.cost.parameters == 6 + 15 + 24 + 8
    for side in (result.before, result.after):
        assert (side.validation.rows, side.validation.accuracy) == (40, 1.0)
        assert (side.test.rows, side.test.accuracy) == (16, 1.0)


def test_the_pruned_run_has_the_scores_of_the_result(pruned: Run) -> None:
    result = read_record(pruned).result
    assert result is not None
    assert evaluate(pruned.network(), pruned.dataset().validation) == result.after.validation
    assert evaluate(pruned.network(), pruned.dataset().test) == result.after.test
    config = pruned.config()
    assert config.pruning is not None
    assert (config.pruning.trained_layers, config.pruning.removed) == (4, (2, 3))
    assert [block.number for block in config.network.highway_blocks] == [1, 4]
    assert len(pruned.baseline()["overall"]["mean"]) == 2


def test_all_attempts_are_removed_at_the_end(pruned: Run) -> None:
    names = {path.name for path in pruned.path.iterdir()}
    assert {"config.json", "model.safetensors", "metrics.jsonl", "pruning.json"} <= names
    assert "attempts" not in names


def test_a_larger_budget_removes_more_layers(tmp_path: Path, known: Run) -> None:
    out = started(tmp_path / "out", known, drop=100 * RARE, rate=TINY)
    result, attempts = run_plan(out)
    assert result.removed == (2, 3, 4)
    assert attempts == [Attempt(removed=3, accuracy=1 - RARE, within=True)]
    assert result.after.validation.accuracy == 1 - RARE


@pytest.mark.parametrize("epochs", [0, 2])
def test_keep_layers_replaces_the_budget(tmp_path: Path, known: Run, epochs: int) -> None:
    out = started(tmp_path / "out", known, epochs=epochs, rate=TINY)
    plan = replace(read_record(out).plan, keep_layers=1)
    write_record(out, PruningRecord(plan=plan))
    result, attempts = run_plan(out)
    assert result.removed == (2, 3, 4)
    assert result.finetuned == (epochs > 0)
    assert attempts == ([Attempt(removed=3, accuracy=1 - RARE, within=True)] if epochs else [])


def test_without_fine_tuning_epochs_the_weights_stay_the_same(tmp_path: Path, known: Run) -> None:
    out = started(tmp_path / "out", known, epochs=0)
    result, attempts = run_plan(out)
    assert (result.removed, result.finetuned, attempts) == ((2, 3), False, [])
    assert out.config().training == known.config().training
    before = known.network().state_dict()
    after = out.network().state_dict()
    assert torch.equal(after["blocks.0.linear.weight"], before["blocks.0.linear.weight"][:3])
    assert torch.equal(after["output.weight"], before["output.weight"][:, :3])
    assert [line["test_accuracy"] for line in out.metrics()] == [1.0]
    assert not (out.path / "attempts").exists()


def test_if_fine_tuning_only_harms_useless_layers_are_removed_without_it(
    tmp_path: Path, known: Run
) -> None:
    out = started(tmp_path / "out", known, rate=1e30)
    result, attempts = run_plan(out)
    assert attempts == [Attempt(removed=2, accuracy=0.0, within=False)]
    assert (result.removed, result.finetuned) == ((2, 3), False)
    assert result.after.validation.accuracy == 1.0


def test_a_fine_tuning_that_diverges_is_over_any_budget(tmp_path: Path, known: Run) -> None:
    out = started(tmp_path / "out", known, drop=100, rate=1e30)
    result, attempts = run_plan(out)
    assert attempts == [Attempt(removed=3, accuracy=0.0, within=False)]
    assert (result.removed, result.finetuned) == ((2, 3, 4), False)


def test_progress_of_the_order_and_of_the_closed_layers_is_reported(
    tmp_path: Path, known: Run
) -> None:
    bars: list[tuple[str, int]] = []
    done: list[int] = []

    @contextmanager
    def bar(description: str, total: int) -> Iterator[OnProgress]:
        bars.append((description, total))
        yield done.append

    prune(started(tmp_path / "out", known, epochs=0), bar, ignore_attempt)
    assert bars == [("order of the layers", 3), ("layers closed together", 4 * 40)]
    assert sum(done) == 3 + 4 * 40


@pytest.mark.parametrize("after", [1, 2])
def test_a_stopped_pruning_reuses_finished_attempts_and_ends_with_the_same_result(
    tmp_path: Path, known: Run, pruned: Run, after: int
) -> None:
    out = started(tmp_path / "out", known)
    with pytest.raises(KeyboardInterrupt):
        prune(out, no_bar, stopping(after))
    attempt = Run(out.path / "attempts" / "2-removed")
    metrics = (attempt.path / "metrics.jsonl").read_bytes()  # with its seconds
    result, attempts = run_plan(out)
    expected = read_record(pruned)
    assert tuple(attempts) == expected.attempts == read_record(out).attempts
    assert expected.result is not None
    assert (result.removed, result.after.test) == (
        expected.result.removed,
        expected.result.after.test,
    )
    assert (out.path / "metrics.jsonl").read_bytes() == metrics
    assert weights(out) == weights(pruned)
    for name in ("config.json", "gate_baseline.json"):
        assert (out.path / name).read_bytes() == (pruned.path / name).read_bytes()


def test_a_finished_attempt_that_the_record_lacks_is_not_repeated(
    tmp_path: Path, known: Run, pruned: Run
) -> None:
    out = started(tmp_path / "out", known)
    with pytest.raises(KeyboardInterrupt):
        prune(out, no_bar, stopping(1))
    metrics = (out.path / "attempts" / "2-removed" / "metrics.jsonl").read_bytes()
    write_record(out, replace(read_record(out), attempts=()))
    run_plan(out)
    assert (out.path / "metrics.jsonl").read_bytes() == metrics
    assert weights(out) == weights(pruned)


def test_a_pruning_interrupted_while_its_result_is_copied_ends_with_the_same_result(
    tmp_path: Path, known: Run, pruned: Run
) -> None:
    out = started(tmp_path / "out", known)
    with pytest.raises(KeyboardInterrupt):
        prune(out, no_bar, stopping(2))
    write_record(out, replace(read_record(out), result=read_record(pruned).result))
    (out.path / "config.json").write_text('{"format": 2, "pre')
    run_plan(out)
    assert weights(out) == weights(pruned)
    assert out.config() == pruned.config()


def test_a_finished_pruning_returns_its_result_again(pruned: Run) -> None:
    before = weights(pruned)
    assert run_plan(pruned) == (read_record(pruned).result, [])
    assert weights(pruned) == before


def test_a_second_pruning_keeps_the_original_layer_numbers(
    tmp_path: Path, known: Run, pruned: Run
) -> None:
    out = started(tmp_path / "again", pruned, drop=20, rate=TINY)
    result, _ = run_plan(out)
    record = read_record(out)
    assert record.order is not None
    assert record.order.layers == (4,)
    assert (result.removed, result.constant_gates) == ((2, 3, 4), (1,))
    assert result.dropped_units == 2  # only layer 4 used the third unit
    assert (result.before.cost.highway_layers, result.after.cost.highway_layers) == (2, 1)
    pruning = out.config().pruning
    assert pruning is not None
    assert (pruning.trained_layers, pruning.trained) == (4, known.config().training)
    assert [block.number for block in out.network().config.highway_blocks] == [1]


@pytest.mark.parametrize("epochs", [0, 2])
def test_if_no_layer_can_be_removed_the_error_names_the_cost_of_the_least_useful(
    tmp_path: Path, pruned: Run, epochs: int
) -> None:
    out = started(tmp_path / "again", pruned, drop=0.5, epochs=epochs, rate=TINY)
    with pytest.raises(NothingToPruneError) as error:
        run_plan(out)
    assert str(error.value) == (
        f"{pruned.path}: no layer can be removed within 0.5 points of validation accuracy; closing "
        "layer 4, the least useful, costs 12.50 points; increase --max-accuracy-drop or "
        "--finetune-epochs"
    )


@pytest.mark.parametrize("layers", [0, 1])
def test_a_network_without_two_highway_layers_is_refused(tmp_path: Path, layers: int) -> None:
    network = plain_network() if layers == 0 else remove_layers(known_network(), (1, 2, 3))
    run = known_run(tmp_path / "data", network)
    with pytest.raises(ConfigError) as error:
        Subject.of(run, Plan(run="", max_accuracy_drop=0.1))
    assert str(error.value) == (
        f"{run.path}: pruning needs a network with at least two highway layers, found {layers}"
    )


def test_a_run_without_validation_rows_is_refused(tmp_path: Path) -> None:
    run = known_run(tmp_path / "data", validation_share=0.0)
    with pytest.raises(ConfigError) as error:
        Subject.of(run, Plan(run="", max_accuracy_drop=0.1))
    assert str(error.value) == (
        f"{run.path}: pruning needs validation rows; train with --validation-share above 0"
    )


def test_data_that_have_changed_since_the_training_are_refused(tmp_path: Path) -> None:
    run = known_run(tmp_path / "data")
    with np.load(tmp_path / "data" / "rows.npz") as rows:
        x, y = rows["x"], rows["y"]
    np.savez(tmp_path / "data" / "rows.npz", x=x + 0.25, y=y)
    with pytest.raises(RunError) as error:
        run_plan(started(tmp_path / "out", run))
    assert str(error.value).startswith(
        f"{run.path}: data 'rows.npz' have changed since the training: "
    )


def test_the_least_accuracy_is_the_validation_accuracy_minus_the_budget(
    known: Run,
) -> None:
    assert Subject.of(known, Plan(run="", max_accuracy_drop=2.5)).min_accuracy == pytest.approx(
        0.975, abs=1e-8
    )
    assert Subject.of(known, Plan(run="", max_accuracy_drop=0)).min_accuracy <= 1.0
    # A network without a correct label is over any budget.
    assert Subject.of(known, Plan(run="", max_accuracy_drop=100)).min_accuracy > 0


def test_weights_that_have_changed_since_the_start_are_refused(tmp_path: Path, known: Run) -> None:
    out = started(tmp_path / "out", known)
    write_record(out, PruningRecord(plan=replace(read_record(out).plan, weights="0" * 64)))
    with pytest.raises(RunError) as error:
        run_plan(out)
    assert str(error.value) == (
        f"{known.path}: the weights have changed since this pruning started; start it again with "
        "another --out"
    )
