"""What a search found, as a table, as a file of all trials and as words."""

import csv
import math
from dataclasses import dataclass
from pathlib import Path

from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from rich import box
from rich.table import Table

from models.errors import ConfigError
from models.run import Run
from models.search.space import Number
from models.search.study import Record, Study

TABLE = "trials.csv"
SHOWN = 10  # trials in the table
ENOUGH = 20  # trials below which nothing is said of what mattered: it would be chance
SHORT = {"learning_rate": "rate", "drop_factor": "decay", "gate_bias": "bias"}  # for 80 columns


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """The trials that are over: by number, and those with a loss from the best to the worst."""

    records: list[Record]
    best: list[Record]

    @classmethod
    def of(cls, records: list[Record]) -> "Ranking":
        """Rank by validation loss; a search whose trials all failed is a `ConfigError`."""
        best = sorted(
            (record for record in records if not record.failed),
            key=lambda record: (record.outcome.loss, record.number),
        )
        if not best:
            raise ConfigError(
                f"search: expected a trial with a finite loss, found {len(records)} that failed, "
                f"the first at {records[0].outcome.reason}; give more --trials"
            )
        return cls(records=records, best=best)

    @property
    def names(self) -> list[str]:
        """The names of the searched settings."""
        return list(self.records[0].numbers)


def best_table(ranking: Ranking) -> Table:
    """Lay the best trials out, best first; test rows choose nothing, so they are not in it."""
    title = f"best of {len(ranking.records)} trials by validation loss"
    failed = len(ranking.records) - len(ranking.best)
    if failed:
        title += f", {failed} of which failed"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.pad_edge = False
    searched = (SHORT.get(name, name) for name in ranking.names)
    for name in ("rank", "trial", *searched, "loss", "accuracy"):
        table.add_column(name, justify="right", no_wrap=True)
    for rank, record in enumerate(ranking.best[:SHOWN], start=1):
        numbers = (_short(value) for value in record.numbers.values())
        outcome = record.outcome
        table.add_row(
            *(str(rank), f"{record.number:04d}", *numbers),
            *(loss_words(outcome.loss), f"{outcome.accuracy:.2%}"),
        )
    return table


def write_csv(out: Path, ranking: Ranking) -> None:
    """Write all trials by number; the same search writes the same bytes."""
    with (out / TABLE).open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(
            ("trial", "state", *ranking.names, "validation_loss", "validation_accuracy", "reason")
        )
        for record in ranking.records:
            state = "failed" if record.failed else "finished"
            outcome = record.outcome
            scores = ("", "") if record.failed else (outcome.loss, outcome.accuracy)
            reason = outcome.reason or ""
            rows.writerow((record.number, state, *record.numbers.values(), *scores, reason))


def best_line(run: Run, best: Record) -> str:
    """Word the best trial, its test accuracy included, which was looked at for it alone."""
    test = next(line for line in run.metrics()[::-1] if "test_accuracy" in line)
    return (
        f"{run.path}: the best trial, validation loss {loss_words(best.outcome.loss)}, "
        f"validation accuracy {best.outcome.accuracy:.2%}, "
        f"test accuracy {test['test_accuracy']:.2%} on {test['test_rows']} rows"
    )


def importance_line(study: Study) -> str | None:
    """Word which settings tell good trials from others; None where there are too few trials.

    Optuna's PED-ANOVA: how differently the best tenth of the trials is spread over a setting from
    all of them, in shares that add up to 100 %.
    """
    if sum(not record.failed for record in study.records()) < ENOUGH:
        return None
    shares = get_param_importances(study.study, evaluator=PedAnovaImportanceEvaluator())
    if not any(math.isfinite(share) and share > 0 for share in shares.values()):
        return None
    worded = (f"{name.replace('_', ' ')} {share:.0%}" for name, share in shares.items())
    return f"what told the best trials apart: {', '.join(worded)}"


def loss_words(loss: float) -> str:
    """Word a loss, also one that is finite and no more than that."""
    return f"{loss:.4f}" if loss < 100 else f"{loss:.1e}"


def _short(value: Number) -> str:
    return value if isinstance(value, str) else f"{value:g}"
