"""What is found, and the file that keeps it."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Tail:
    """How often the gates' p-value was at most each of these, over what it says: 1 is exact.

    `pearson` and `likelihood` say the same of the two statistics of which the smaller is taken.
    """

    rows: int
    held_out: int
    p_values: list[float]
    ratios: list[float]
    pearson: list[float]
    likelihood: list[float]


@dataclass(frozen=True, kw_only=True)
class Quiet:
    """Weeks without drift: the false alarms a week that would have had to be allowed for one.

    `budgets` has the least of each week. `looks` counts by window, `below` those whose p-values,
    corrected for their number, were at most 0.1, 0.01, 0.001, 0.0001.
    """

    traffic: str
    rows: int
    alarms: int  # weeks with one by the rule
    budgets: list[float]
    looks: dict[str, int]
    below: dict[str, list[int]]


@dataclass(frozen=True, kw_only=True)
class Needed:
    """Rows that a window needs to drift in half and in nine of ten trials; null: not by 225,000.

    The last three say the same of nine in ten for each sort of test alone.
    """

    window: str
    share: float
    half: int | None
    nine_in_ten: int | None
    by_gates: int | None
    by_labels: int | None
    by_unusual: int | None
    degrees: float = 0


@dataclass(frozen=True, kw_only=True)
class Noticed:
    """Rows from the beginning of a drift until a server's alarm, in each of the runs."""

    degrees: float
    share: float
    requests_per_second: float
    rows: list[int]
    windows: list[str]
    missed: int  # in two days


@dataclass(kw_only=True)
class Results:
    """All of one run."""

    tails: list[Tail] = field(default_factory=list)
    quiet: list[Quiet] = field(default_factory=list)
    needed: list[Needed] = field(default_factory=list)
    noticed: list[Noticed] = field(default_factory=list)

    def write(self, path: Path) -> None:
        """Write everything; a later call replaces the file."""
        parts = []
        for name, records in vars(self).items():
            lines = ",\n".join(json.dumps(asdict(record)) for record in records)
            parts.append(f'"{name}": [\n{lines}\n]')
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{\n" + ",\n".join(parts) + "\n}\n")

    @classmethod
    def read(cls, path: Path) -> "Results":
        """Read what `write` wrote."""
        found = json.loads(path.read_text())
        kinds = {"tails": Tail, "quiet": Quiet, "needed": Needed, "noticed": Noticed}
        return cls(**{key: [make(**one) for one in found[key]] for key, make in kinds.items()})
