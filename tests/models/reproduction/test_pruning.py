from dataclasses import replace
from pathlib import Path

import pytest

from models.errors import RunError
from models.pruning.record import Plan, PruningRecord, read_record, write_record
from models.pruning.surgery import remove_layers
from models.reproduction.experiment import Task
from models.reproduction.pruning import prune_run, reproduce_pruning
from models.run import Run
from tests.models.pruning.conftest import known_network, known_run
from tests.models.reproduction.conftest import task, trainings, written_at


@pytest.fixture
def known_task(tmp_path: Path) -> tuple[Task, Run]:
    """A network of four layers, of which one is closed and two compute the same."""
    run = known_run(tmp_path / "known")
    of = trainings(tmp_path, tmp_path / "known" / "rows.npz")
    return task(tmp_path / "pruning", of), run


def test_layers_that_a_network_does_not_need_are_removed(known_task: tuple[Task, Run]) -> None:
    one, run = known_task
    findings = prune_run(one, run)
    removed = findings.numbers["removed"]
    assert 2 in removed  # the closed layer
    layers, parameters, accuracy = findings.comparisons
    assert layers.quantity == "layers removed with at most 0.1 points less validation accuracy"
    assert layers.here == f"{len(removed)} of 4"
    before, after = (int(text.replace(",", "")) for text in parameters.here.split(" / "))
    assert after < before
    assert accuracy.here.startswith("100.00 / ")
    assert Run(one.out / "pruned").finished


def test_a_finished_pruning_is_read_and_not_repeated(known_task: tuple[Task, Run]) -> None:
    one, run = known_task
    findings = prune_run(one, run)
    before = written_at(one.out)
    again = prune_run(one, run)
    assert (again.comparisons, again.numbers) == (findings.comparisons, findings.numbers)
    assert written_at(one.out) == before


def test_a_pruning_is_found_again_after_its_run_has_moved(known_task: tuple[Task, Run]) -> None:
    one, run = known_task
    findings = prune_run(one, run)
    moved = run.path.rename(run.path.with_name("moved"))
    again = prune_run(one, Run(moved))
    assert again.comparisons == findings.comparisons
    assert read_record(Run(one.out / "pruned")).plan.run == str(moved)


def test_a_pruning_killed_before_its_first_file_starts_again(known_task: tuple[Task, Run]) -> None:
    one, run = known_task
    (one.out / "pruned").mkdir(parents=True)
    assert prune_run(one, run).comparisons


def test_the_pruning_of_another_network_is_refused(known_task: tuple[Task, Run]) -> None:
    one, run = known_task
    pruned = Run(one.out / "pruned")
    pruned.path.mkdir(parents=True)
    write_record(pruned, PruningRecord(plan=Plan(run=str(run.path), weights="0" * 64)))
    with pytest.raises(RunError) as error:
        prune_run(one, run)
    assert str(error.value) == (
        f"{pruned.path}: expected the pruning of the network in {run.path}, found that of another "
        "network; remove the directory, or choose another --out"
    )


def test_a_network_whose_layers_are_all_needed_is_a_note(known_task: tuple[Task, Run]) -> None:
    one, _ = known_task
    run = known_run(one.out / "needed", remove_layers(known_network(), (1, 2)))
    config = run.path / "config.json"  # with this learning rate fine-tuning changes nothing
    config.write_text(config.read_text().replace('"learning_rate": 0.01', '"learning_rate": 1e-12'))
    findings = prune_run(one, run)
    assert findings.comparisons == ()
    assert findings.notes == (
        "No layer can be removed within 0.1 points of validation accuracy; closing layer 4, the "
        "least useful, costs 12.50 points.",
    )


def test_the_network_of_the_gate_experiments_is_pruned(tmp_path: Path, images: Path) -> None:
    of = trainings(tmp_path, images)
    effort = replace(task(tmp_path, of).effort, epochs=4)
    findings = reproduce_pruning(task(tmp_path / "pruning", of, effort), depth=3)
    assert findings.comparisons or findings.notes
    plan = (tmp_path / "pruning" / "pruned" / "pruning.json").read_text()
    assert str(tmp_path / "runs" / "dense" / "highway-3" / "preset-epochs-4") in plan
