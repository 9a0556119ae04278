"""The tables: ratios of the shortest durations, which other load lengthens least, and memory."""

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from threading import Thread

import numpy as np

from benchmarks.serving.page import counted
from benchmarks.session.configurations import MEMORY, OPTIONS, THREADS, Configuration
from benchmarks.session.process import OUTPUTS, Duration, Process, processes
from service.classifier import Classifier

Row = Mapping[str, object]

ROUND_MICROSECONDS = 10_000  # of each configuration
FEW, MOST_REPEATS = 3, 200
ROWS = (1, 8, 32, 64, 256)
MANY_ROWS = (1, 16, 32, 64, 256, 1024)
TIMER_SECONDS, BESIDE_SECONDS = 0.002, 0.4


def durations(started: Mapping[str, Process], rows: int, rounds: int) -> dict[str, list[Duration]]:
    """Measure all processes in turn, each round in the other order."""
    first = next(iter(started.values())).call("time", rows, FEW).processor
    repeats = max(1, min(MOST_REPEATS, int(ROUND_MICROSECONDS / first)))
    measured: dict[str, list[Duration]] = {name: [] for name in started}
    for number in range(max(3, rounds if repeats > 1 else rounds // 3)):
        for name in list(started)[:: 1 if number % 2 else -1]:
            measured[name].append(started[name].call("time", rows, repeats))
    return measured


def allocation_times(files: Sequence[Path], rounds: int) -> Iterator[Row]:
    """Yield the processor time of each number of rows, divided by the default session's."""
    for file in files:
        with processes(file, MEMORY) as started:
            for rows in ROWS:
                measured = _processor(durations(started, rows, rounds))
                yield {"network": file.stem, "rows": rows} | _ratios(measured)


def resident_memory(files: Sequence[Path]) -> Iterator[Row]:
    """Yield the resident memory at the start, after mixed batches, and after a trim."""
    for file in files:
        with processes(file, MEMORY) as started:
            for name, process in started.items():
                yield {
                    "network": file.stem,
                    "session": name,
                    "at the start": _mb(process, 0, 1),
                    "1–64 rows, 500 runs": _mb(process, 500, 64),
                    "2,000 runs": _mb(process, 1500, 64),
                    "1–1,024 rows, 100 runs": _mb(process, 100, 1024),
                    "200 runs": _mb(process, 100, 1024),
                    "trimmed": f"{process.call('resident_trimmed'):.0f}",
                }


def option_times(files: Sequence[Path], rounds: int) -> Iterator[Row]:
    """Yield the processor time with one option changed, divided by that without."""
    columns: dict[str, dict[str, object]] = {name: {"option": name} for name in OPTIONS}
    for file in files:
        with processes(file, OPTIONS) as started:
            for rows in (1, 32):
                measured = _processor(durations(started, rows, rounds))
                for name, ratio in _ratios(measured).items():
                    columns[name][f"{file.stem}, {counted(rows, 'row')}"] = ratio
    yield from columns.values()


def thread_times(files: Sequence[Path], rounds: int) -> Iterator[Row]:
    """Yield the wall times, and the processor times in brackets, divided by those of one thread."""
    for file in files:
        with processes(file, THREADS) as started:
            for rows in MANY_ROWS:
                measured = durations(started, rows, rounds)
                wall = {name: min(one.wall for one in all_) for name, all_ in measured.items()}
                processor = _processor(measured)
                yield {"network": file.stem, "rows": rows} | {
                    name: f"{_ratio(wall, name)} ({_ratio(processor, name)})"
                    for name in list(THREADS)[1:]
                }


def int8_times(files: Sequence[tuple[Path, Path]], rounds: int) -> Iterator[Row]:
    """Yield the processor time of each second file, in int8, divided by that of the first."""
    options = {"session": Configuration(server=True)}
    for file, quantised in files:
        with processes(file, options) as one, processes(quantised, options) as other:
            pair = {"float32": one["session"], "int8": other["session"]}
            ratios = {
                counted(rows, "row"): _ratio(_processor(durations(pair, rows, rounds)), "int8")
                for rows in (1, 32, 64)
            }
        yield {
            "network": file.stem,
            "bytes": f"{quantised.stat().st_size / file.stat().st_size:.2f}",
        } | ratios


def delays(files: Sequence[Path], rounds: int) -> Iterator[Row]:
    """Yield how late a timer is beside batches of 64 rows without a pause, in the best round."""
    for file in files:
        classifiers = {n: Classifier(file.read_bytes(), threads=n) for n in (1, 2)}
        best: dict[int, tuple[float, float, int]] = {}
        for _ in range(rounds):
            for threads, classifier in classifiers.items():
                late, batches = _timer_delays(classifier)
                median, high = np.percentile(late, [50, 99]) * 1e3
                one = float(high), float(median), batches
                best[threads] = min(best.get(threads, one), one)
        for threads, (high, median, batches) in best.items():
            yield {
                "network": file.stem,
                "threads": threads,
                "batches per second": f"{batches / BESIDE_SECONDS:,.0f}",
                "timer late by, median": f"{median:.2f} ms",
                "99th percentile": f"{high:.2f} ms",
            }


def _timer_delays(classifier: Classifier) -> tuple[list[float], int]:
    values = np.zeros((64, classifier.metadata.input.size), np.float32)
    end, batches = time.perf_counter() + BESIDE_SECONDS, 0

    def work() -> None:
        nonlocal batches
        while time.perf_counter() < end:
            classifier.compute(OUTPUTS, values)
            batches += 1

    thread = Thread(target=work)
    thread.start()
    late = []
    while (began := time.perf_counter()) < end:
        time.sleep(TIMER_SECONDS)
        late.append(time.perf_counter() - began - TIMER_SECONDS)
    thread.join()
    return late, batches


def _processor(measured: Mapping[str, Sequence[Duration]]) -> dict[str, float]:
    return {name: min(one.processor for one in all_) for name, all_ in measured.items()}


def _ratios(measured: Mapping[str, float]) -> dict[str, str]:
    """Return the first in µs, and the others divided by it."""
    first, *others = measured
    return {first: f"{measured[first]:,.0f} µs"} | {one: _ratio(measured, one) for one in others}


def _ratio(measured: Mapping[str, float], name: str) -> str:
    return f"{measured[name] / next(iter(measured.values())):.2f}"


def _mb(process: Process, runs: int, largest: int) -> str:
    return f"{process.call('resident', runs, largest, runs):.0f}"
