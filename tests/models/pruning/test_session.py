"""Prunings of the known network: of its four layers two can go for nothing, one for some rows."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models.errors import ConfigError, RunError
from models.evaluation import evaluate
from models.gates.statistics import Step
from models.pruning.ledger import Attempt, Ledger, Plan, Result, read_ledger, write_ledger
from models.pruning.search import NothingToPruneError
from models.pruning.session import Subject, prune
from models.pruning.surgery import without_layers
from models.run import Run
from tests.models.pruning.conftest import (
    known_network,
    known_run,
    no_step,
    plain_network,
)

RARE = 0.125  # the share of rows that layer 4 is there for
STILL = 1e-9  # a learning rate that moves nothing


@contextmanager
def no_bar(_description: str, _total: int) -> Iterator[Step]:
    yield no_step


def unheard(_: Attempt) -> None:
    pass


def begun(
    out: Path, run: Run, *, drop: float = 0.1, epochs: int = 2, rate: float | None = None
) -> Run:
    out.mkdir()
    plan = Plan(
        run=str(run.path), max_accuracy_drop=drop, finetune_epochs=epochs, learning_rate=rate
    )
    write_ledger(Run(out), Ledger(plan=plan))
    return Run(out)


def carried_out(out: Run) -> tuple[Result, list[Attempt]]:
    heard: list[Attempt] = []
    return prune(out, no_bar, heard.append), heard


def weights(run: Run) -> bytes:
    return (run.path / "model.safetensors").read_bytes()


def stopping(after: int) -> Callable[[Attempt], None]:
    """Stop a pruning as Ctrl-C does, when so many attempts are told."""
    heard: list[Attempt] = []

    def told(attempt: Attempt) -> None:
        heard.append(attempt)
        if len(heard) == after:
            raise KeyboardInterrupt

    return told


@pytest.fixture(scope="module")
def pruned(tmp_path_factory: pytest.TempPathFactory, known: Run) -> Run:
    """The known run pruned within the usual budget, without any interruption."""
    out = begun(tmp_path_factory.mktemp("pruned") / "out", known)
    carried_out(out)
    return out


def test_a_pruning_worked_out_by_hand(tmp_path: Path, known: Run) -> None:
    out = begun(tmp_path / "out", known, rate=STILL)
    result, heard = carried_out(out)
    ledger = read_ledger(out)
    assert ledger.order is not None
    assert ledger.order.layers == (2, 3, 4)
    assert ledger.order.accuracy == (1.0, 1.0, 1.0, 1 - RARE)
    assert heard == [
        Attempt(removed=2, accuracy=1.0, within=True),
        Attempt(removed=3, accuracy=1 - RARE, within=False),
    ]
    assert list(ledger.attempts) == heard
    assert ledger.result == result
    assert (result.removed, result.constant_gates, result.dropped_units) == ((2, 3), (1,), 1)
    assert result.finetuned
    assert (result.before.cost.highway_layers, result.after.cost.highway_layers) == (4, 2)
    assert result.before.cost.parameters == 178
    # Plain 3 + 3; layer 1 without a gate's product 3·3 + 3 + 3; layer 4 6·3 + 6; output 2·3 + 2.
    assert result.after.cost.parameters == 6 + 15 + 24 + 8
    for side in (result.before, result.after):
        assert (side.validation.rows, side.validation.accuracy) == (40, 1.0)
        assert (side.test.rows, side.test.accuracy) == (16, 1.0)


def test_what_is_left_is_a_run_that_labels_as_the_result_says(pruned: Run) -> None:
    result = read_ledger(pruned).result
    assert result is not None
    assert evaluate(pruned.network(), pruned.dataset().validation) == result.after.validation
    assert evaluate(pruned.network(), pruned.dataset().test) == result.after.test
    config = pruned.config()
    assert config.pruning is not None
    assert (config.pruning.trained_layers, config.pruning.removed) == (4, (2, 3))
    assert [block.number for block in config.network.highway_blocks] == [1, 4]
    assert len(pruned.baseline()["overall"]["mean"]) == 2


def test_of_the_attempts_only_the_one_taken_is_kept(pruned: Run) -> None:
    names = {path.name for path in pruned.path.iterdir()}
    assert {"config.json", "model.safetensors", "metrics.jsonl", "pruning.json"} <= names
    assert "attempts" not in names


def test_a_larger_budget_takes_out_more(tmp_path: Path, known: Run) -> None:
    out = begun(tmp_path / "out", known, drop=100 * RARE, rate=STILL)
    result, heard = carried_out(out)
    assert result.removed == (2, 3, 4)
    assert heard == [Attempt(removed=3, accuracy=1 - RARE, within=True)]
    assert result.after.validation.accuracy == 1 - RARE


@pytest.mark.parametrize("epochs", [0, 2])
def test_as_many_layers_are_kept_as_were_asked_for_whatever_it_costs(
    tmp_path: Path, known: Run, epochs: int
) -> None:
    out = begun(tmp_path / "out", known, epochs=epochs, rate=STILL)
    plan = replace(read_ledger(out).plan, keep_layers=1)
    write_ledger(out, Ledger(plan=plan))
    result, heard = carried_out(out)
    assert result.removed == (2, 3, 4)
    assert result.finetuned == (epochs > 0)
    assert heard == ([Attempt(removed=3, accuracy=1 - RARE, within=True)] if epochs else [])


def test_without_fine_tuning_epochs_the_weights_stay_as_they_were(
    tmp_path: Path, known: Run
) -> None:
    out = begun(tmp_path / "out", known, epochs=0)
    result, heard = carried_out(out)
    assert (result.removed, result.finetuned, heard) == ((2, 3), False, [])
    assert out.config().training == known.config().training
    before = known.network().state_dict()
    after = out.network().state_dict()
    assert torch.equal(after["blocks.0.linear.weight"], before["blocks.0.linear.weight"][:3])
    assert torch.equal(after["output.weight"], before["output.weight"][:, :3])
    assert [line["test_accuracy"] for line in out.metrics()] == [1.0]
    assert not (out.path / "attempts").exists()


def test_where_fine_tuning_only_harms_what_is_free_goes_as_it_is(
    tmp_path: Path, known: Run
) -> None:
    out = begun(tmp_path / "out", known, rate=1e30)
    result, heard = carried_out(out)
    assert heard == [Attempt(removed=2, accuracy=0.0, within=False)]
    assert (result.removed, result.finetuned) == ((2, 3), False)
    assert result.after.validation.accuracy == 1.0


def test_a_fine_tuning_whose_loss_is_no_number_is_within_no_budget(
    tmp_path: Path, known: Run
) -> None:
    out = begun(tmp_path / "out", known, drop=100, rate=1e30)
    result, heard = carried_out(out)
    assert heard == [Attempt(removed=3, accuracy=0.0, within=False)]
    assert (result.removed, result.finetuned) == ((2, 3, 4), False)


def test_bars_are_drawn_for_the_order_and_for_closing(tmp_path: Path, known: Run) -> None:
    drawn: list[tuple[str, int]] = []
    done: list[int] = []

    @contextmanager
    def bar(description: str, total: int) -> Iterator[Step]:
        drawn.append((description, total))
        yield done.append

    prune(begun(tmp_path / "out", known, epochs=0), bar, unheard)
    assert drawn == [("order of the layers", 3), ("layers closed together", 4 * 40)]
    assert sum(done) == 3 + 4 * 40


@pytest.mark.parametrize("after", [1, 2])
def test_a_stopped_pruning_reuses_finished_attempts_and_ends_as_the_uninterrupted_one(
    tmp_path: Path, known: Run, pruned: Run, after: int
) -> None:
    out = begun(tmp_path / "out", known)
    with pytest.raises(KeyboardInterrupt):
        prune(out, no_bar, stopping(after))
    attempt = Run(out.path / "attempts" / "2-removed")
    metrics = (attempt.path / "metrics.jsonl").read_bytes()  # with the seconds that it took
    result, heard = carried_out(out)
    whole = read_ledger(pruned)
    assert tuple(heard) == whole.attempts == read_ledger(out).attempts
    assert whole.result is not None
    assert (result.removed, result.after.test) == (whole.result.removed, whole.result.after.test)
    assert (out.path / "metrics.jsonl").read_bytes() == metrics
    assert weights(out) == weights(pruned)
    for name in ("config.json", "gate_baseline.json"):
        assert (out.path / name).read_bytes() == (pruned.path / name).read_bytes()


def test_an_attempt_that_had_ended_but_was_not_recorded_is_not_trained_again(
    tmp_path: Path, known: Run, pruned: Run
) -> None:
    out = begun(tmp_path / "out", known)
    with pytest.raises(KeyboardInterrupt):
        prune(out, no_bar, stopping(1))
    metrics = (out.path / "attempts" / "2-removed" / "metrics.jsonl").read_bytes()
    write_ledger(out, replace(read_ledger(out), attempts=()))
    carried_out(out)
    assert (out.path / "metrics.jsonl").read_bytes() == metrics
    assert weights(out) == weights(pruned)


def test_a_pruning_interrupted_while_its_result_was_taken_ends_the_same(
    tmp_path: Path, known: Run, pruned: Run
) -> None:
    out = begun(tmp_path / "out", known)
    with pytest.raises(KeyboardInterrupt):
        prune(out, no_bar, stopping(2))
    write_ledger(out, replace(read_ledger(out), result=read_ledger(pruned).result))
    (out.path / "config.json").write_text('{"format": 2, "pre')
    carried_out(out)
    assert weights(out) == weights(pruned)
    assert out.config() == pruned.config()


def test_a_finished_pruning_is_told_again_without_its_run(
    tmp_path: Path, known: Run, pruned: Run
) -> None:
    before = weights(pruned)
    assert carried_out(pruned) == (read_ledger(pruned).result, [])
    assert weights(pruned) == before


def test_a_pruned_run_that_is_pruned_again_keeps_the_first_layers_numbers(
    tmp_path: Path, known: Run, pruned: Run
) -> None:
    out = begun(tmp_path / "again", pruned, drop=20, rate=STILL)
    result, _ = carried_out(out)
    ledger = read_ledger(out)
    assert ledger.order is not None
    assert ledger.order.layers == (4,)
    assert (result.removed, result.constant_gates) == ((2, 3, 4), (1,))
    assert result.dropped_units == 2  # the third unit was layer 4's alone
    assert (result.before.cost.highway_layers, result.after.cost.highway_layers) == (2, 1)
    pruning = out.config().pruning
    assert pruning is not None
    assert (pruning.trained_layers, pruning.trained) == (4, known.config().training)
    assert [block.number for block in out.network().config.highway_blocks] == [1]


@pytest.mark.parametrize("epochs", [0, 2])
def test_where_nothing_can_go_a_sentence_says_what_the_least_would_cost(
    tmp_path: Path, pruned: Run, epochs: int
) -> None:
    out = begun(tmp_path / "again", pruned, drop=0.5, epochs=epochs, rate=STILL)
    with pytest.raises(NothingToPruneError) as error:
        carried_out(out)
    assert str(error.value) == (
        f"{pruned.path}: nothing can go within 0.5 points of validation accuracy; closing layer 4 "
        "alone, which matters least, costs 12.50; allow more with --max-accuracy-drop, or more "
        "--finetune-epochs"
    )


@pytest.mark.parametrize("layers", [0, 1])
def test_a_network_without_two_highway_layers_is_refused(tmp_path: Path, layers: int) -> None:
    network = plain_network() if layers == 0 else without_layers(known_network(), (1, 2, 3))
    run = known_run(tmp_path / "data", network)
    with pytest.raises(ConfigError) as error:
        Subject.of(run, Plan(run="", max_accuracy_drop=0.1))
    assert str(error.value) == (
        f"{run.path}: expected a network of at least two highway layers, of which one can go, "
        f"found {layers}"
    )


def test_a_run_without_validation_rows_is_refused(tmp_path: Path) -> None:
    run = known_run(tmp_path / "data", validation_share=0.0)
    with pytest.raises(ConfigError) as error:
        Subject.of(run, Plan(run="", max_accuracy_drop=0.1))
    assert str(error.value) == (
        f"{run.path}: expected validation rows to decide on, found none; "
        "train with --validation-share above 0"
    )


def test_data_that_changed_since_the_training_are_refused(tmp_path: Path) -> None:
    run = known_run(tmp_path / "data")
    with np.load(tmp_path / "data" / "rows.npz") as rows:
        x, y = rows["x"], rows["y"]
    np.savez(tmp_path / "data" / "rows.npz", x=x + 0.25, y=y)
    with pytest.raises(RunError) as error:
        carried_out(begun(tmp_path / "out", run))
    assert str(error.value).startswith(f"{run.path}: expected the data it was trained on, ")


def test_the_accuracy_that_must_be_kept_is_that_of_the_validation_rows_less_the_budget(
    known: Run,
) -> None:
    assert Subject.of(known, Plan(run="", max_accuracy_drop=2.5)).allowed == pytest.approx(
        0.975, abs=1e-8
    )
    assert Subject.of(known, Plan(run="", max_accuracy_drop=0)).allowed <= 1.0
    assert (
        Subject.of(known, Plan(run="", max_accuracy_drop=100)).allowed > 0
    )  # what labels no row right is never good enough


def test_a_run_that_was_trained_again_meanwhile_is_refused(tmp_path: Path, known: Run) -> None:
    out = begun(tmp_path / "out", known)
    write_ledger(out, Ledger(plan=replace(read_ledger(out).plan, weights="0" * 64)))
    with pytest.raises(RunError) as error:
        carried_out(out)
    assert str(error.value) == (
        f"{known.path}: expected the weights that this pruning began with, found others; begin "
        "again with another --out"
    )
