"""The windows that are watched: each slides on by a slot, and is judged once for each."""

from dataclasses import dataclass
from typing import NamedTuple

WEEK_SECONDS = 7 * 24 * 3600
# A sibling may still be adding rows to a slot just after its end.
GRACE_SECONDS = 1.0


class Span(NamedTuple):
    """The slots from `first` to before `stop`, counted since 1970."""

    first: int
    stop: int


@dataclass(frozen=True, kw_only=True)
class Window:
    """So many slots of so many seconds, the last one over."""

    name: str
    slots: int
    seconds: int

    @property
    def looks_a_week(self) -> int:
        """How often the window is judged in a week, however often somebody asks."""
        return WEEK_SECONDS // self.seconds

    def slot(self, now: float) -> int:
        """Return the number of the slot that is filled now, in seconds since 1970."""
        return int(now // self.seconds)

    def span(self, now: float) -> Span:
        """Return the slots of the window that is judged now."""
        stop = self.slot(now - GRACE_SECONDS)
        return Span(stop - self.slots, stop)


WINDOWS = (
    Window(name="5m", slots=10, seconds=30),
    Window(name="1h", slots=12, seconds=300),
    Window(name="1d", slots=24, seconds=3600),
)
