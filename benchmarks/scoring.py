"""The cost of `highway score` beside onnxruntime alone on the same batches.

    .venv/bin/python -m benchmarks.scoring [--rows 1000000] [--pairs 3] [--write]

A table of ten columns of numbers and two of categories is made, and written as Parquet and as CSV.
The two default networks for tables, the small one below 10,000 training rows and the wide one from
there on, are trained on 5,000 of its rows. Each pair of one run is
onnxruntime alone, in a process that has already read all batches, and then `highway score` as a
user starts it, with all that it does: start, reading, checks, writing and joining. Both use as many
threads. The processor's seconds are compared too, since they vary less on a busy machine. The peak
is Linux's VmHWM: `ru_maxrss` of a process begins with that of the one that started it. `--write`
writes docs/measurements/scoring.md.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import numpy as np
import pyarrow as pa
from pyarrow import csv, parquet

from scoring.jobs import Options
from scoring.part_scoring import load_classifier
from scoring.pipeline import in_order
from scoring.planning import plan_job
from scoring.scores import COMPUTED
from service.processors import batch_threads, usable_processors

PAGE = Path(__file__).parent.parent / "docs" / "measurements" / "scoring.md"
TRAINING_ROWS = 5_000
FORMATS = ("parquet", "csv")
PRESETS = ("table-5", "table-5-wide")


# Runs the command, and adds its processor seconds and its peak memory to its output.
SCRIPT = """
import json, re, runpy, sys, time
try:
    runpy.run_module("scoring", run_name="__main__")
finally:
    peak = re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1]
    print(json.dumps([time.process_time(), int(peak)]))
"""


@dataclass(frozen=True, kw_only=True)
class Time:
    """Seconds on the clock, and of all processors together."""

    wall: float
    processor: float


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Times of onnxruntime alone and of the command, and the command's peak memory in MB."""

    alone: Time
    command: Time
    peak_mb: float

    @property
    def ratio(self) -> float:
        """The command's time over that of onnxruntime alone."""
        return self.command.wall / self.alone.wall

    @property
    def processor_ratio(self) -> float:
        """The same of the processors' seconds."""
        return self.command.processor / self.alone.processor


def make_table(rows: int) -> pa.Table:
    """Return a table, with an id and the column "answer" to learn."""
    random = np.random.default_rng(0)
    columns: dict[str, object] = {"id": np.arange(rows)}
    for number in range(10):
        columns[f"x{number}"] = random.normal(size=rows).round(3)
    columns["job"] = np.array(["nurse", "teacher", "pilot", "baker"])[random.integers(0, 4, rows)]
    columns["town"] = np.array(["Rome", "Oslo", "Bern"])[random.integers(0, 3, rows)]
    product = np.asarray(columns["x0"]) * np.asarray(columns["x1"])
    is_yes = product + (np.asarray(columns["job"]) == "nurse") > 0.5
    other = np.where(np.asarray(columns["x2"]) > 0, "maybe", "no")
    return pa.table(columns | {"answer": np.where(is_yes, "yes", other)})


def make_model(folder: Path, table: pa.Table, preset: str) -> Path:
    """Train a network with few epochs, and export it."""
    csv.write_csv(table.slice(0, TRAINING_ROWS), folder / "train.csv")
    run, model = folder / preset, folder / f"{preset}.onnx"
    train = (
        *("train", folder / "train.csv", "--target", "answer", "--exclude", "id"),
        *("--preset", preset, "--epochs", "4", "--out", run),
    )
    for words in (("models", *train), ("export", "export", run, model)):
        subprocess.run([sys.executable, "-m", *map(str, words)], check=True, capture_output=True)
    return model


def time_alone(data: Path, model: Path, threads: int) -> Time:
    """Return the time of onnxruntime for batches that are already read."""
    job = plan_job(data, model, data.with_name("unused.parquet"), Options())
    batches = [batch for part in job.parts for batch in job.source.read(part, keep_errors=False)]
    classifier = load_classifier(job)
    began, processor_began = time.perf_counter(), time.process_time()
    for _ in in_order(
        lambda batch: len(classifier.compute(COMPUTED, batch.rows)), iter(batches), threads
    ):
        pass
    return Time(wall=time.perf_counter() - began, processor=time.process_time() - processor_began)


def time_of_command(data: Path, model: Path) -> tuple[Time, float]:
    """Return the time of the command, and its peak memory in MB."""
    out = data.with_name("scores.parquet")
    words = ("score", data, "--model", model, "--out", out, "--force")
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *map(str, words)], check=True, capture_output=True, text=True
    )
    wall = time.perf_counter() - began
    processor, peak_kib = json.loads(done.stdout.splitlines()[-1])
    return Time(wall=wall, processor=processor), peak_kib * 1024 / 1e6


def measure(data: Path, model: Path) -> Pair:
    """Measure one pair."""
    words = (sys.executable, "-m", "benchmarks.scoring", "--alone", data, model)
    alone = subprocess.run(list(map(str, words)), check=True, capture_output=True, text=True)
    command, peak_mb = time_of_command(data, model)
    return Pair(alone=Time(**json.loads(alone.stdout)), command=command, peak_mb=peak_mb)


def page(rows: int, threads: int, load: float, results: dict[str, list[Pair]]) -> str:
    """Return docs/measurements/scoring.md; `results` by network and format."""
    lines = [
        "# Batch scoring, measured",
        "",
        f"`python -m benchmarks.scoring --write`, {rows:,} rows of 12 columns, {threads} threads; "
        f"the load of the machine was {load:.1f}. Each ratio is the time of the whole command over",
        "that of onnxruntime alone on the same batches, already read, in a pair of runs. The",
        "second row of an input has the seconds of all processors together; the peak is VmHWM.",
        "",
        "What the command adds is about the same for every network: its start, reading, checks and",
        "writing. So the ratio depends on the network: `table-5` is the default below 10,000",
        "training rows, `table-5-wide` from there on.",
        "",
        "| network, input | onnxruntime alone | `highway score` | ratio, median (all) | peak |",
        "| --- | --: | --: | --: | --: |",
    ]
    for name, pairs in results.items():
        peak = f"{max(pair.peak_mb for pair in pairs):.0f} MB"
        alone, command = ([getattr(pair, key) for pair in pairs] for key in ("alone", "command"))
        for label, kind, ratios, memory in (
            (name, "wall", [pair.ratio for pair in pairs], peak),
            (f"{name}, processors", "processor", [pair.processor_ratio for pair in pairs], ""),
        ):
            seconds = (median(getattr(each, kind) for each in times) for times in (alone, command))
            both = " | ".join(f"{each:.1f} s" for each in seconds)
            listed = ", ".join(f"{ratio:.2f}" for ratio in ratios)
            lines.append(f"| {label} | {both} | {median(ratios):.2f} ({listed}) | {memory} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print, and write the page with --write."""
    parser = argparse.ArgumentParser(description="Measure highway score.")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="write docs/measurements/scoring.md")
    parser.add_argument("--alone", type=Path, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    threads = batch_threads(usable_processors(), 1)
    if options.alone is not None:
        data, model = options.alone
        print(json.dumps(asdict(time_alone(data, model, threads))))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = make_table(options.rows)
        models = {preset: make_model(folder, table, preset) for preset in PRESETS}
        rows = table.drop_columns(["answer"])
        parquet.write_table(rows, folder / "rows.parquet")
        csv.write_csv(rows, folder / "rows.csv")
        del table, rows
        results = {
            f"{preset}, {format_}": [
                measure(folder / f"rows.{format_}", model) for _ in range(options.pairs)
            ]
            for preset, model in models.items()
            for format_ in FORMATS
        }
    text = page(options.rows, threads, os.getloadavg()[0], results)
    print(text)
    if options.write:
        PAGE.write_text(text)


if __name__ == "__main__":
    main()
