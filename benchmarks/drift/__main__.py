"""False alarms in simulated weeks without drift, and how soon rotated digits are detected.

    python -m benchmarks.drift RUN [--weeks 20] [--trials 40] [--out FILE]

RUN is a run directory of a network of images, for example from
`highway train MNIST-FOLDER --preset dense-10`. The results are written to docs/drift/results.json,
and `python -m docs.draw_drift` draws them. It takes about twenty minutes on one core.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from benchmarks.drift.power import HELD_OUT_ROWS, required_rows
from benchmarks.drift.results import Detected, Required, Results, Weeks
from benchmarks.drift.rows import Rows, compute, draw_baseline, rotated, unseen
from benchmarks.drift.tails import tails
from benchmarks.drift.weeks import Rate, Traffic, day_and_night, detect, steady, week_without_drift
from models.gates.record import record_gates
from models.run import Run
from service.drift.monitor import FALSE_ALARMS_PER_WEEK
from service.drift.windows import WINDOWS

ROOT = Path(__file__).parents[2]
TRAFFICS = {  # requests a second, of one row each
    "1": steady(1),
    "1 to 50 over the day": day_and_night(1, 50),
    "50": steady(50),
}
ROTATIONS = ((0.1, 15), (0.1, 30), (0.1, 45), (0.1, 90), (0.1, 180), (0.05, 45), (0.02, 45))
RATES = (1.0, 10.0, 50.0)
BOUNDS = (0.1, 0.01, 0.001, 0.0001)


def weeks_without_drift(rows: Rows, labels: int, name: str, rate: Rate, weeks: int) -> Weeks:
    """Simulate weeks; each has its own held-out rows."""
    least: list[float] = []
    count, below, evaluations = 0, dict[str, list[int]](), dict[str, int]()
    for week in range(weeks):
        random = np.random.default_rng(week)
        traffic = Traffic(draw_baseline(rows, HELD_OUT_ROWS, labels, random), rate, random)
        by_window = week_without_drift(traffic, rows)
        least.append(min(min(budgets) for budgets in by_window.values()))
        count += traffic.rows
        for window, budgets in by_window.items():
            corrected = np.array(budgets) / (len(WINDOWS) * len(budgets))
            counts = [int((corrected <= bound).sum()) for bound in BOUNDS]
            below[window] = np.add(below.get(window, [0] * len(BOUNDS)), counts).tolist()
            evaluations[window] = evaluations.get(window, 0) + len(budgets)
        print(f"{name}/s, week {week}: {least[-1]:.3g}", flush=True)
    return Weeks(
        traffic=name,
        rows=count,
        alarms=sum(budget < FALSE_ALARMS_PER_WEEK for budget in least),
        budgets=least,
        evaluations=evaluations,
        below=below,
    )


def detections(
    typical: Rows, atypical: Rows, labels: int, share: float, degrees: float, trials: int
) -> Iterator[Detected]:
    """Simulate servers on which a share of the digits is rotated, at several rates."""
    for rate in RATES:
        trial_results = []
        for trial in range(trials):
            random = np.random.default_rng(trial)
            baseline = draw_baseline(typical, HELD_OUT_ROWS, labels, random)
            trial_results.append(
                detect(Traffic(baseline, steady(rate), random), typical, atypical, share)
            )
        alarms = [alarm for alarm in trial_results if alarm is not None]
        yield Detected(
            degrees=degrees,
            share=share,
            requests_per_second=rate,
            rows=[rows for rows, _ in alarms],
            windows=[window for _, window in alarms],
            missed=len(trial_results) - len(alarms),
        )


def main() -> None:
    """Run the benchmark; rewrite the file after each part."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.drift",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", type=Path, help="run directory of a network of images")
    parser.add_argument("--weeks", type=int, default=20, help="weeks of each traffic")
    parser.add_argument("--trials", type=int, default=40, help="trials of each drift")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "drift" / "results.json")
    options = parser.parse_args()
    torch.set_num_threads(1)
    run, results = Run(options.run), Results()
    network, dataset = run.network(), run.dataset()
    labels, shape = len(dataset.labels), dataset.input.shape
    x = unseen(dataset)
    typicality = record_gates(network, dataset).typicality
    typical = compute(network, typicality, x)
    results.tails += tails()
    results.write(options.out)
    for share, degrees in ROTATIONS:
        atypical = compute(network, typicality, rotated(x, shape, degrees))
        required = required_rows(
            typical, atypical, share, labels=labels, trials=options.trials, seed=0
        )
        results.required += [Required(**vars(rows) | {"degrees": degrees}) for rows in required]
        results.detected += detections(
            typical, atypical, labels, share, degrees, options.trials // 4
        )
        print(*results.required[-3:], *results.detected[-3:], sep="\n", flush=True)
        results.write(options.out)
    for name, rate in TRAFFICS.items():
        results.weeks.append(weeks_without_drift(typical, labels, name, rate, options.weeks))
        results.write(options.out)


if __name__ == "__main__":
    main()
