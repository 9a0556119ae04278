"""Results of the drift benchmark, and their file."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.serving.results import json_list


@dataclass(frozen=True, kw_only=True)
class Tail:
    """How often a layer's p-value is at most each of `p_values`, divided by that value: 1 is exact.

    `pearson` and `likelihood` are the ratios of the two statistics; the test takes the smaller one.
    """

    rows: int
    held_out: int
    p_values: list[float]
    ratios: list[float]
    pearson: list[float]
    likelihood: list[float]


@dataclass(frozen=True, kw_only=True)
class Weeks:
    """Simulated weeks without drift.

    `budgets`: for each week, the number of false alarms a week that must be allowed for one alarm.
    `evaluations`: their number by window. `below`: those whose p-value, corrected for the number of
    tests, is at most 0.1, 0.01, 0.001 and 0.0001.
    """

    traffic: str
    rows: int
    alarms: int  # weeks with an alarm
    budgets: list[float]
    evaluations: dict[str, int]
    below: dict[str, list[int]]


@dataclass(frozen=True, kw_only=True)
class Required:
    """Rows that a window needs to drift in half and in nine of ten trials; None if over 225,000.

    The last three are for nine of ten trials, by each kind of test alone.
    """

    window: str
    share: float
    half: int | None
    nine_in_ten: int | None
    by_gates: int | None
    by_labels: int | None
    by_atypical: int | None
    degrees: float = 0


@dataclass(frozen=True, kw_only=True)
class Detected:
    """Rows from the start of a drift until a server's alarm, for each trial."""

    degrees: float
    share: float
    requests_per_second: float
    rows: list[int]
    windows: list[str]
    missed: int  # trials without an alarm in two days


@dataclass(kw_only=True)
class Results:
    """The results of one benchmark."""

    tails: list[Tail] = field(default_factory=list)
    weeks: list[Weeks] = field(default_factory=list)
    required: list[Required] = field(default_factory=list)
    detected: list[Detected] = field(default_factory=list)

    def write(self, path: Path) -> None:
        """Write the file, replacing an earlier one."""
        parts = []
        for name, records in vars(self).items():
            parts.append(f'"{name}": {json_list(records)}')
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{\n" + ",\n".join(parts) + "\n}\n")

    @classmethod
    def read(cls, path: Path) -> "Results":
        """Read a file that `write` wrote."""
        content = json.loads(path.read_text())
        kinds = {"tails": Tail, "weeks": Weeks, "required": Required, "detected": Detected}
        return cls(
            **{key: [kind(**record) for record in content[key]] for key, kind in kinds.items()}
        )
