"""The calls that a request makes, by module: a number without noise."""

import sys
from collections import Counter
from dataclasses import dataclass
from types import FrameType

from benchmarks.request_cost.load import Load

WARM_ROUNDS, ROUNDS = 20, 100
OWN = "service."


@dataclass(frozen=True, kw_only=True)
class Calls:
    """Calls for each request: of functions written in Python, and by them of functions in C."""

    python: float
    c: float


async def count_calls(load: Load) -> dict[str, Calls]:
    """Return the calls of each of the server's modules, those with the most first."""
    for _ in range(WARM_ROUNDS):
        await load.round()
    counts: dict[str, Counter[str]] = {"call": Counter(), "c_call": Counter()}

    def count(frame: FrameType, event: str, _argument: object) -> None:
        if event in counts:
            counts[event][frame.f_globals["__name__"]] += 1

    sys.setprofile(count)
    try:
        for _ in range(ROUNDS):
            await load.round()
    finally:
        sys.setprofile(None)
    requests = ROUNDS * load.connections
    python, c = counts["call"], counts["c_call"]
    modules = [name for name, _ in (python + c).most_common() if name.startswith(OWN)]
    return {name: Calls(python=python[name] / requests, c=c[name] / requests) for name in modules}
