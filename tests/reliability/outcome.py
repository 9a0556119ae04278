"""The result of a scenario or an attack: its promise, what was measured, and what broke."""

import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tests.reliability.processes import StartError


@dataclass
class Outcome:
    """What a scenario promises, its figures, and a sentence for each broken part of the promise."""

    promise: str
    figures: dict[str, object] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def expect(self, holds: bool, fault: str) -> None:
        """Note a fault unless this part of the promise holds."""
        if not holds:
            self.faults.append(fault)

    def line(self, name: str) -> str:
        """Return one line: name, whether the promise holds, figures and faults."""
        figures = ", ".join(f"{key} {_show(value)}" for key, value in self.figures.items())
        result = "holds" if not self.faults else f"BROKEN: {'; '.join(self.faults)}"
        return f"{name}: {figures} | promise: {self.promise}: {result}"


Scenario = Callable[[], Outcome]


def eventually(condition: Callable[[], bool], seconds: float) -> float:
    """Wait until the condition holds; return the seconds, infinity if it does not in time."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() > began + seconds:
            return float("inf")
        time.sleep(0.05)
    return time.monotonic() - began


def run_scenarios(scenarios: dict[str, Scenario], names: Iterable[str], seconds: float) -> None:
    """Run the named scenarios, all if none is named, again and again until the time is over.

    Each runs at least once. Exits with 1 if any promise was broken.
    """
    chosen = list(names) or list(scenarios)
    unknown = [name for name in chosen if name not in scenarios]
    if unknown:
        raise SystemExit(f"error: expected a name from {', '.join(scenarios)}; found {unknown[0]}")
    end, broken = time.monotonic() + seconds, 0
    while True:
        for name in chosen:
            outcome = _run(scenarios[name])
            sys.stdout.write(outcome.line(name) + "\n")
            sys.stdout.flush()
            broken += bool(outcome.faults)
        if time.monotonic() >= end:
            break
    if broken:
        raise SystemExit(f"error: {broken} broken promises")


def _run(scenario: Scenario) -> Outcome:
    try:
        return scenario()
    except StartError as error:
        last = str(error).splitlines()[-1]
        return Outcome("the server starts", faults=[f"it does not: {last}"])


def _show(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
