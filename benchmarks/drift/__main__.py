"""False alarms of "drifting" in simulated weeks, and how soon rotated digits are noticed.

    python -m benchmarks.drift RUN [--weeks 20] [--trials 40] [--out FILE]

RUN is a run directory of a network of images, as `python -m models train mnist --preset dense-10`
writes it. What is found is written to docs/drift/results.json, and `python -m docs.draw_drift`
draws it. The whole takes about twenty minutes on one core.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from benchmarks.drift.power import HELD_OUT_ROWS, needed
from benchmarks.drift.results import Needed, Noticed, Quiet, Results
from benchmarks.drift.rows import Answers, answered, drawn, turned, unseen
from benchmarks.drift.tails import tails
from benchmarks.drift.weeks import Rate, Traffic, alarm, day_and_night, quiet_week, steady
from models.gates.record import record_gates
from models.run import Run

ROOT = Path(__file__).parents[2]
TRAFFICS = {  # requests a second, of one row each
    "1": steady(1),
    "1 to 50 over the day": day_and_night(1, 50),
    "50": steady(50),
}
TURNS = ((0.1, 15), (0.1, 30), (0.1, 45), (0.1, 90), (0.1, 180), (0.05, 45), (0.02, 45))
RATES = (1.0, 10.0, 50.0)
BOUNDS = (0.1, 0.01, 0.001, 0.0001)


def quiet(answers: Answers, labels: int, name: str, rate: Rate, weeks: int) -> Quiet:
    """Simulate weeks, each with held-out rows of its own."""
    least: list[float] = []
    rows, below, looks = 0, dict[str, list[int]](), dict[str, int]()
    for week in range(weeks):
        chance = np.random.default_rng(week)
        traffic = Traffic(drawn(answers, HELD_OUT_ROWS, labels, chance), rate, chance)
        found = quiet_week(traffic, answers)
        least.append(min(min(budgets) for budgets in found.values()))
        rows += traffic.rows
        for window, budgets in found.items():
            corrected = np.array(budgets) / (3 * len(budgets))
            counts = [int((corrected <= bound).sum()) for bound in BOUNDS]
            below[window] = np.add(below.get(window, [0] * 4), counts).tolist()
            looks[window] = looks.get(window, 0) + len(budgets)
        print(f"{name}/s, week {week}: {least[-1]:.3g}", flush=True)
    alarms = sum(budget < 0.01 for budget in least)
    return Quiet(traffic=name, rows=rows, alarms=alarms, budgets=least, looks=looks, below=below)


def noticed(
    usual: Answers, odd: Answers, labels: int, share: float, degrees: float, trials: int
) -> Iterator[Noticed]:
    """Simulate servers on which a share of the digits begins to turn, at several rates."""
    for rate in RATES:
        found = []
        for trial in range(trials):
            chance = np.random.default_rng(trial)
            traffic = Traffic(drawn(usual, HELD_OUT_ROWS, labels, chance), steady(rate), chance)
            found.append(alarm(traffic, usual, odd, share))
        told = [each for each in found if each is not None]
        yield Noticed(
            degrees=degrees,
            share=share,
            requests_per_second=rate,
            rows=[rows for rows, _ in told],
            windows=[window for _, window in told],
            missed=len(found) - len(told),
        )


def main() -> None:
    """Measure everything; what was found so far is in the file at any time."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.drift",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", type=Path, help="run directory of a network of images")
    parser.add_argument("--weeks", type=int, default=20, help="of each traffic")
    parser.add_argument("--trials", type=int, default=40, help="of each drift")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "drift" / "results.json")
    given = parser.parse_args()
    torch.set_num_threads(1)
    run, results = Run(given.run), Results()
    network, dataset = run.network(), run.dataset()
    labels, shape = len(dataset.labels), dataset.input.shape
    x = unseen(dataset)
    unusualness = record_gates(network, dataset).unusualness
    usual = answered(network, unusualness, x)
    results.tails += tails()
    results.write(given.out)
    for share, degrees in TURNS:
        odd = answered(network, unusualness, turned(x, shape, degrees))
        found = needed(usual, odd, share, labels=labels, trials=given.trials, seed=0)
        results.needed += [Needed(**vars(each) | {"degrees": degrees}) for each in found]
        results.noticed += noticed(usual, odd, labels, share, degrees, given.trials // 4)
        print(*results.needed[-3:], *results.noticed[-3:], sep="\n", flush=True)
        results.write(given.out)
    for name, rate in TRAFFICS.items():
        results.quiet.append(quiet(usual, labels, name, rate, given.weeks))
        results.write(given.out)


if __name__ == "__main__":
    main()
