"""Layers of a dense network of 50 layers that can be removed for good.

The papers only close layers, and do not remove idle ones.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from models.errors import RunError
from models.progress import OnProgress
from models.pruning.record import PRUNING, Plan, PruningRecord, Result, read_record, write_record
from models.pruning.session import Bar, NothingToPruneError, Subject, prune
from models.reproduction.experiment import Task
from models.reproduction.findings import Comparison, Findings
from models.reproduction.networks import DEPTH, trained
from models.run import Run

BUDGET = 0.1  # points of validation accuracy


def reproduce_pruning(task: Task, depth: int = DEPTH) -> Findings:
    """Prune the network of the gate experiments within a budget of accuracy."""
    run, _ = trained(task, depth)
    return prune_run(task, run)


def prune_run(task: Task, run: Run) -> Findings:
    """Prune a trained network, or read its finished pruning.

    Raises `RunError` if the directory has the pruning of another network.
    """
    pruned = Run(task.out / "pruned")
    _start(pruned, run)
    try:
        result = prune(pruned, _bars(task.bar), lambda _attempt: None)
    except NothingToPruneError as error:
        return Findings(comparisons=(), notes=(_note(error),))
    return Findings(comparisons=_rows(result), numbers={"removed": list(result.removed)})


def _start(pruned: Run, run: Run) -> None:
    """Write the plan of the pruning, or the run's place into that of a started one."""
    weights, place = run.weights_digest(), str(run.path.resolve())
    if (pruned.path / PRUNING).is_file():
        started = read_record(pruned)
        if started.plan.weights != weights:
            raise RunError(
                f"{pruned.path}: expected the pruning of the network in {run.path}, found that of "
                "another network; remove the directory, or choose another --out"
            )
        if started.plan.run != place:  # folders may move
            write_record(pruned, replace(started, plan=replace(started.plan, run=place)))
        return
    plan = Plan(run=place, weights=weights, max_accuracy_drop=BUDGET)
    Subject.of(run, plan)  # raises for a network that cannot be pruned
    pruned.path.mkdir(parents=True, exist_ok=True)
    write_record(pruned, PruningRecord(plan=plan))


def _note(error: NothingToPruneError) -> str:
    """Return the error without the run's path and the options of `highway prune`."""
    reason = str(error).partition(": ")[2].rpartition("; ")[0]
    return f"{reason[0].upper()}{reason[1:]}."


def _rows(result: Result) -> tuple[Comparison, ...]:
    before, after = result.before, result.after
    return (
        Comparison(
            quantity=f"layers removed with at most {BUDGET:g} points less validation accuracy",
            paper="–",
            here=f"{len(result.removed)} of {before.cost.highway_layers}",
        ),
        Comparison(
            quantity="parameters before / after",
            paper="–",
            here=f"{before.cost.parameters:,} / {after.cost.parameters:,}",
        ),
        Comparison(
            quantity="test accuracy before / after, %",
            paper="–",
            here=f"{100 * before.test.accuracy:.2f} / {100 * after.test.accuracy:.2f}",
        ),
    )


def _bars(bar: Callable[[str, int], OnProgress]) -> Bar:
    @contextmanager
    def opened(description: str, total: int) -> Iterator[OnProgress]:
        yield bar(description, total)

    return opened
