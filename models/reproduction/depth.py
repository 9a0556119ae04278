"""Training loss by depth, of highway networks and of their plain twins (section 3.1, figure 1)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from matplotlib.figure import Figure

from models.evaluation import evaluate
from models.presets import preset
from models.reproduction.curves import FLOOR, Losses, Mark, loss_curves
from models.reproduction.experiment import Task
from models.reproduction.findings import Comparison, Findings, Picture
from models.reproduction.halving import Candidate, Found, Halving, Rung, search

DEPTHS = (10, 20, 50, 100)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """The best highway network and the best plain network of one depth.

    The losses are means over the training rows after the last epoch, in nats; infinite if the
    training diverged.
    """

    depth: int
    highway: Found
    plain: Found
    highway_loss: float
    plain_loss: float

    @property
    def epochs_to_plain(self) -> int | None:
        """The epochs until the highway network reaches the plain network's lowest loss.

        None if it does not; 1 beside a plain network that diverged in its first epoch.
        """
        lowest = min(self.plain.losses, default=math.inf)
        reached = (epoch for epoch, loss in enumerate(self.highway.losses, 1) if loss <= lowest)
        return next(reached, None)

    @property
    def plain_epochs(self) -> int | None:
        """The epochs until the plain network reaches its own lowest loss; None without one."""
        losses = self.plain.losses
        return losses.index(min(losses)) + 1 if losses else None


def candidate(depth: int, *, plain: bool) -> Candidate:
    """Return a network of section 3.1: 50 highway units or 71 plain units in each layer.

    Its training has no regularisation, because the experiment measures the training loss: no random
    changes to images, no weight decay, and the last epoch is kept.
    """
    chosen = preset("dense-10")
    training = replace(
        chosen.training,
        batch_size=100,
        weight_decay=0.0,
        shift=0.0,
        rotate_degrees=0.0,
        scale=0.0,
        keep="last",
        patience=None,
    )
    kind = "plain" if plain else "highway"
    return Candidate(
        name=f"dense/{kind}-{depth}",
        preset=replace(chosen, depth=depth, plain=plain, training=training),
    )


def halving(task: Task) -> Halving:
    """Return the search with the numbers that the user has changed."""
    default = Halving()
    first, *others = default.rungs
    return Halving(
        rungs=(Rung(trials=task.effort.trials or first.trials, epochs=first.epochs), *others),
        epochs=task.effort.epochs or default.epochs,
        precision=task.effort.precision,
    )


def best_networks(task: Task, depths: Sequence[int]) -> list[Pair]:
    """Search and train both networks of each depth."""
    # The deepest first: they take longest, and a long training at the end would run alone.
    wanted = [(depth, plain) for depth in sorted(depths, reverse=True) for plain in (False, True)]
    candidates = [candidate(depth, plain=plain) for depth, plain in wanted]
    found = dict(zip(wanted, search(task.trainings, candidates, halving(task)), strict=True))
    return [
        Pair(
            depth=depth,
            highway=found[depth, False],
            plain=found[depth, True],
            highway_loss=_loss(task, found[depth, False]),
            plain_loss=_loss(task, found[depth, True]),
        )
        for depth in depths
    ]


def reproduce_depth(task: Task, depths: Sequence[int] = DEPTHS) -> Findings:
    """Compare the training losses of all depths."""
    pairs = best_networks(task, depths)
    shallow, deep = pairs[0], pairs[-1]
    rows = [
        Comparison(
            quantity=f"training loss at depth {pair.depth}, highway / plain",
            paper=_PAPER.get(pair.depth, ""),
            here=f"{_loss_or_diverged(pair.highway_loss)} / {_loss_or_diverged(pair.plain_loss)}",
        )
        for pair in pairs
    ]
    rows += [
        Comparison(
            quantity=f"highway: loss at depth {deep.depth} ÷ depth {shallow.depth}",
            paper="about 1",
            here=_ratio_text(ratio(deep.highway_loss, shallow.highway_loss), ".2g"),
            goal="≤ 2",
        ),
        Comparison(
            quantity=f"depth {deep.depth}: loss of plain ÷ highway",
            paper="> 100",
            here=_ratio_text(ratio(deep.plain_loss, deep.highway_loss), ",.0f"),
            goal="≥ 100",
        ),
    ]
    return Findings(
        comparisons=tuple(rows),
        numbers=_numbers(pairs),
        pictures={
            "depth": Picture(
                caption="Training loss by epoch: the best highway network and the best plain "
                "network of each depth.",
                draw=partial(curves, pairs),
            )
        },
    )


def reproduce_convergence(task: Task, depths: Sequence[int] = DEPTHS) -> Findings:
    """Count the epochs in which a highway network reaches the plain network's lowest loss."""
    pairs = best_networks(task, depths)
    rows = tuple(
        Comparison(
            quantity=f"depth {pair.depth}: epochs to the plain network's lowest loss, "
            "highway / plain",
            paper="fewer / –",
            here=f"{_or_never(pair.epochs_to_plain)} / {_or_never(pair.plain_epochs)}",
        )
        for pair in pairs
    )
    return Findings(
        comparisons=rows,
        notes=("The paper says that highway networks converge faster, and gives no number.",),
        numbers=_numbers(pairs),
        pictures={
            "convergence": Picture(
                caption="Training loss by epoch. Dotted: the lowest loss of the plain network; "
                "dot: the epoch in which the highway network reaches it.",
                draw=partial(marked_curves, pairs),
            )
        },
    )


def ratio(loss: float, other: float) -> float:
    """Return the ratio of two losses in nats, each at least `FLOOR`; NaN of two infinite ones."""
    return max(loss, FLOOR) / max(other, FLOOR)


def curves(pairs: Sequence[Pair]) -> Figure:
    """Draw the training loss by epoch in one panel for each depth."""
    return loss_curves(_panels(pairs))


def marked_curves(pairs: Sequence[Pair]) -> Figure:
    """Draw the curves, the plain network's lowest loss and where the highway one reaches it."""
    marks = {
        _title(pair): Mark(loss=min(pair.plain.losses), epoch=pair.epochs_to_plain)
        for pair in pairs
        if pair.plain.losses
    }
    return loss_curves(_panels(pairs), marks)


def _panels(pairs: Sequence[Pair]) -> dict[str, dict[str, Losses]]:
    return {
        _title(pair): {"highway": pair.highway.losses, "plain": pair.plain.losses} for pair in pairs
    }


def _title(pair: Pair) -> str:
    return f"depth {pair.depth}"


_PAPER = {
    10: "about 1e-5 / below 1e-4",
    20: "about 1e-5 / below 1e-4",
    50: "about 1e-5 / –",
    100: "about 1e-5 / about 1e-1",
}


def _loss(task: Task, found: Found) -> float:
    if not found.run.finished:
        return math.inf
    return evaluate(found.run.network(), task.trainings.dataset.train).loss


def _loss_or_diverged(loss: float) -> str:
    return f"{loss:.1e}" if math.isfinite(loss) else "diverged"


def _ratio_text(value: float, form: str) -> str:
    if math.isnan(value):
        return "–"
    return format(value, form) if math.isfinite(value) else "∞"


def _or_never(epochs: int | None) -> str:
    return "never" if epochs is None else str(epochs)


def _numbers(pairs: Sequence[Pair]) -> dict[str, object]:
    return {
        f"depth {pair.depth}": {
            "epochs_to_plain": pair.epochs_to_plain,
            **{
                name: {
                    "settings": found.settings,
                    "loss": loss if math.isfinite(loss) else None,  # JSON has no infinity
                    "loss_by_epoch": found.losses,
                    "test_accuracy": found.test_accuracy,
                }
                for name, found, loss in (
                    ("highway", pair.highway, pair.highway_loss),
                    ("plain", pair.plain, pair.plain_loss),
                )
            },
        }
        for pair in pairs
    }
