"""Report of a search: a table, a line for the best trial, a CSV file and a picture."""

import csv
import math
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, NullLocator, StrMethodFormatter
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from rich import box
from rich.table import Table

from models.drawing import drawing_settings, save
from models.errors import ConfigError
from models.intervals import Interval, accuracy_interval
from models.run import Run
from models.scores import Baseline
from models.search.config import SettingValue
from models.search.study import Study, TrialRecord

TABLE = "trials.csv"
TABLE_TRIALS = 10  # trials in the printed table
MIN_TRIALS = 20  # finished trials below which importances are mostly noise
SHORT = {"learning_rate": "rate", "drop_factor": "decay", "gate_bias": "bias"}  # for 80 columns

PICTURE = "search"  # .svg and .png
TRIAL, BEST, FAILED = "#2f81f7", "#d29922", "#e5534b"
COLUMNS = 3
SMALLEST = 1e-6  # nats: losses are rounded to 6 decimals, and a logarithm needs a positive number
LARGEST = 10.0  # nats, well above guessing; larger losses are drawn here
JITTER = 0.618  # golden ratio: spreads consecutive trials of one category evenly


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """All trials by number in `records`, and those with a loss from best to worst in `best`.

    `baseline` is the accuracy of a constant prediction on the `rows` validation rows.
    """

    records: list[TrialRecord]
    best: list[TrialRecord]
    baseline: Baseline
    rows: int

    @classmethod
    def of(cls, records: list[TrialRecord], baseline: Baseline, rows: int) -> "Ranking":
        """Rank by validation loss; a `ConfigError` if all trials failed."""
        best = sorted(
            (record for record in records if not record.failed),
            key=lambda record: (record.outcome.loss, record.number),
        )
        if not best:
            raise ConfigError(
                f"search: all {len(records)} trials failed, the first at "
                f"{records[0].outcome.reason}; increase --trials"
            )
        return cls(records=records, best=best, baseline=baseline, rows=rows)

    @property
    def interval(self) -> Interval:
        """The 95 % interval of the validation accuracy of the first trial."""
        return accuracy_interval(self.best[0].outcome.accuracy, self.rows)

    @property
    def beats_baseline(self) -> bool:
        """Whether the first trial is certainly better than a constant prediction."""
        return self.baseline.is_beaten_by(self.interval)

    @property
    def failed(self) -> list[TrialRecord]:
        """The trials without a loss."""
        return [record for record in self.records if record.failed]

    @property
    def names(self) -> list[str]:
        """The names of the settings in the search space."""
        return list(self.records[0].settings)


def best_table(ranking: Ranking) -> Table:
    """Return a table of the best trials, best first.

    It has no test scores: they must not influence the choice of a trial.
    """
    best = "best of " if ranking.beats_baseline else ""
    title = f"{best}{len(ranking.records)} trials by validation loss"
    if ranking.failed:
        title += f", {len(ranking.failed)} of which failed"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.pad_edge = False
    settings = (SHORT.get(name, name) for name in ranking.names)
    for name in ("rank", "trial", *settings, "loss", "accuracy"):
        table.add_column(name, justify="right", no_wrap=True)
    for rank, record in enumerate(ranking.best[:TABLE_TRIALS], start=1):
        printed = (
            value if isinstance(value, str) else f"{value:g}" for value in record.settings.values()
        )
        outcome = record.outcome
        table.add_row(
            *(str(rank), f"{record.number:04d}", *printed),
            *(format_loss(outcome.loss), f"{outcome.accuracy:.2%}"),
        )
    return table


def best_line(run: Run, ranking: Ranking) -> str:
    """Return a line for the best trial; it is the only one whose test accuracy is shown.

    If no trial beats the baseline, none is called the best, and none has a test accuracy.
    """
    best, baseline, (low, high) = ranking.best[0], ranking.baseline, ranking.interval
    scores = (
        f"validation loss {format_loss(best.outcome.loss)}, validation accuracy "
        f"{best.outcome.accuracy:.2%} (95 % interval {low:.2%} to {high:.2%}; always predicting "
        f"{baseline.label!r} {baseline.accuracy:.2%})"
    )
    if not ranking.beats_baseline:
        return (
            f"no trial is certainly better than always predicting {baseline.label!r}; the lowest "
            f"loss is that of {run.path}: {scores}"
        )
    test = run.metrics()[-1]
    return (
        f"{run.path}: the best trial, {scores}, "
        f"test accuracy {test['test_accuracy']:.2%} on {test['test_rows']} rows"
    )


def importance_line(study: Study) -> str | None:
    """Return a line with the importance of each setting, or None after too few trials.

    Importances are Optuna's PED-ANOVA: how much the distribution of a setting in the best tenth of
    the trials differs from that in all trials, as shares that add up to 100 %.
    """
    if sum(not record.failed for record in study.records()) < MIN_TRIALS:
        return None
    shares = get_param_importances(study.study, evaluator=PedAnovaImportanceEvaluator())
    if not any(math.isfinite(share) and share > 0 for share in shares.values()):
        return None
    parts = (f"{name.replace('_', ' ')} {share:.0%}" for name, share in shares.items())
    return f"importance of the settings: {', '.join(parts)}"


def format_loss(loss: float) -> str:
    """Format a finite loss, which may be very large."""
    return f"{loss:.4f}" if loss < 100 else f"{loss:.1e}"


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
            rows.writerow(
                (record.number, state, *record.settings.values(), *scores, outcome.reason)
            )


def write_pictures(out: Path, ranking: Ranking, ranges: dict[str, BaseDistribution]) -> None:
    """Draw validation loss against each setting, as transparent SVG and PNG files."""
    with drawing_settings():
        save(_figure(ranking, ranges), out / PICTURE)


def _figure(ranking: Ranking, ranges: dict[str, BaseDistribution]) -> Figure:
    """Draw one panel for each setting, with a shared loss axis, and a legend."""
    figure = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(2, COLUMNS, sharey=True, gridspec_kw={"wspace": 0.08}).ravel().tolist()
    _set_loss_axis(panels[0], _losses(ranking.best))
    for index, (name, values) in enumerate(ranges.items()):
        _draw_panel(panels[index], name, values, ranking)
        if index % COLUMNS == 0:
            panels[index].set_ylabel("validation loss")
    for panel in panels[len(ranges) :]:
        panel.axis("off")
    _draw_legend(panels[len(ranges)], panels[0], ranking)
    return figure


def _draw_panel(axes: Axes, name: str, values: BaseDistribution, ranking: Ranking) -> None:
    axes.set_xlabel(name.replace("_", " "))
    axes.spines[["top", "right"]].set_visible(False)
    _set_value_axis(axes, values)
    best, *others = ranking.best

    def positions(records: list[TrialRecord]) -> list[float]:
        return [_position(values, record.settings[name], record.number) for record in records]

    for records, marker, colour, size in ((others, "o", TRIAL, 4.5), ([best], "*", BEST, 13.0)):
        line = axes.plot(positions(records), _losses(records), marker, color=colour, clip_on=False)
        line[0].set(markersize=size, alpha=0.8, in_layout=False)  # matplotlib fails on empty ones
    # Failed trials have no loss: ticks along the top edge mark their values.
    axes.plot(
        positions(ranking.failed),
        [0.97] * len(ranking.failed),
        "|",
        color=FAILED,
        markersize=9,
        markeredgewidth=1.4,
        transform=axes.get_xaxis_transform(),
    )


def _set_loss_axis(axes: Axes, losses: list[float]) -> None:
    low, high = min(losses) / 1.3, max(losses) * 1.3
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    # A narrow range needs dense ticks, so that it contains at least one.
    decades = math.log10(high / low)
    steps = (1, 1.5, 2, 3, 5, 7) if decades < 1 else (1, 2, 5) if decades < 2 else (1,)
    axes.yaxis.set_major_locator(LogLocator(subs=steps, numticks=20))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_locator(NullLocator())


def _set_value_axis(axes: Axes, values: BaseDistribution) -> None:
    if isinstance(values, CategoricalDistribution):
        axes.set_xlim(-0.5, len(values.choices) - 0.5)
        axes.set_xticks(range(len(values.choices)), [str(choice) for choice in values.choices])
    elif isinstance(values, FloatDistribution):
        if values.log:
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(numticks=10))
            axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlim(values.low, values.high)


def _position(values: BaseDistribution, value: SettingValue, trial: int) -> float:
    if isinstance(values, CategoricalDistribution):
        return values.choices.index(value) + 0.5 * (trial * JITTER % 1 - 0.5)
    return float(value)


def _losses(records: list[TrialRecord]) -> list[float]:
    return [min(max(record.outcome.loss, SMALLEST), LARGEST) for record in records]


def _draw_legend(axes: Axes, panel: Axes, ranking: Ranking) -> None:
    """Explain the lines of `panel` in a legend on `axes`."""
    best = ranking.best[0]
    capped = any(record.outcome.loss > LARGEST for record in ranking.best)
    note = f"\n(losses above {LARGEST:g} drawn at {LARGEST:g})" if capped else ""
    labels = [
        f"{len(ranking.best)} finished trials{note}",
        f"{'best' if ranking.beats_baseline else 'lowest loss'}, trial {best.number:04d}: "
        f"{format_loss(best.outcome.loss)}",
    ]
    if ranking.failed:
        labels.append(f"{len(ranking.failed)} failed trials")
    axes.legend(panel.get_lines()[: len(labels)], labels, loc="center", frameon=False)
