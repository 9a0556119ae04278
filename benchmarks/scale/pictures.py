"""Pictures of docs/scale.md, as SVG."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.scale.results import STUDIED, Results
from benchmarks.scale.studies import BURST_BEGIN, BURST_END, Burst
from benchmarks.scale.validation import Run
from models.drawing import INK, drawing_settings

COLOURS = ("#2f81f7", "#d29922", "#3fb950", "#a371f7", "#db6d28", "#1b9e9e", "#f778ba")
SHOWN = ("queue 50 ms", "processor 70 %", "processor 70 % and queue 50 ms")


def draw(folder: Path, results: Results, runs: Sequence[Run]) -> None:
    """Draw every picture into the folder."""
    with drawing_settings():
        _save(_loads(results), folder / "loads.svg")
        _save(_bursts(results.targets), folder / "autoscaler.svg")
        _save(_validation(runs), folder / "validation.svg")


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, transparent=True, metadata={"Date": None})


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color=INK, alpha=0.25, linewidth=0.6)


def _loads(results: Results) -> Figure:
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    latency, refused = figure.subplots(1, 2)
    for colour, (number, points) in zip(COLOURS, results.loads.items(), strict=False):
        loads = [point.rate / number / results.capacities[STUDIED] for point in points]
        label = f"{number} replica{'s' if number > 1 else ''}"
        latency.plot(loads, [point.p99_ms for point in points], "o-", color=colour, label=label)
        shares = [100 * point.refused_share for point in points]
        refused.plot(loads, shares, "o-", color=colour, label=label)
    latency.set(xlabel="load ÷ capacity", ylabel="p99 of answered requests (ms)", yscale="log")
    refused.set(xlabel="load ÷ capacity", ylabel="refused with 429 (%)")
    for axes in (latency, refused):
        _plain(axes)
    latency.legend(frameon=False, labelcolor=INK)
    return figure


def _bursts(studies: Sequence[Burst]) -> Figure:
    figure = Figure(figsize=(8, 5.2), layout="constrained")
    replicas, queue = figure.subplots(2, 1, sharex=True)
    shown = [study for study in studies if study.title in SHOWN]
    for colour, study in zip(COLOURS, shown, strict=False):
        at = np.array([sample.at for sample in study.samples]) - BURST_BEGIN
        ready = [sample.ready for sample in study.samples]
        replicas.step(at, ready, where="post", color=colour, label=study.title)
        waits = [1e3 * sample.queue_s for sample in study.samples]
        queue.plot(at, waits, color=colour, linewidth=0.8)
    for axes in (replicas, queue):
        axes.axvspan(0, BURST_END - BURST_BEGIN, color=INK, alpha=0.15, linewidth=0)
        _plain(axes)
    replicas.set(ylabel="replicas that are ready")
    replicas.legend(frameon=False, labelcolor=INK, loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
    queue.set(xlabel="seconds from the begin of the burst", ylabel="mean wait in the queue (ms)")
    return figure


def _validation(runs: Sequence[Run]) -> Figure:
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    rates, latencies = figure.subplots(1, 2)
    for colour, cell in zip(COLOURS, dict.fromkeys(map(_case, runs)), strict=False):
        each = [run for run in runs if _case(run) == cell]
        for axes, names in ((rates, ("goodput",)), (latencies, ("mean_ms", "p50_ms"))):
            for marker, name in zip("os", names, strict=False):
                axes.plot(
                    [getattr(run.measured, name) for run in each],
                    [getattr(run.simulated, name) for run in each],
                    marker,
                    color=colour,
                    label=cell + ("" if name == "goodput" else f", {name[:-3]}"),
                )
    for axes, unit in ((rates, "answered requests per second"), (latencies, "latency (ms)")):
        axes.set(xscale="log", yscale="log", xlabel=f"measured {unit}", ylabel="simulated")
        lowest, highest = axes.get_xlim()
        ends = np.array([lowest, highest])
        axes.plot(ends, ends, color=INK, linewidth=0.8)
        axes.fill_between(ends, ends * 0.85, ends * 1.15, color=INK, alpha=0.2, linewidth=0)
        _plain(axes)
        axes.legend(frameon=False, labelcolor=INK, fontsize=7)
    return figure


def _case(run: Run) -> str:
    return f"{run.cell}, queue {run.max_queue_ms} ms"
