"""Which requests are asked for, and in which order; from the parameters of a query."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from service.errors import QueryError
from service.ledger.cursor import Position, read_cursor
from service.ledger.tags import LONGEST, is_tag

LARGEST_PAGE = 1000
SORTS = ("-time", "time", "unusual", "-unusual")  # the first unless told

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Filters:
    """What every request shown has to be; None is no matter.

    `since_us` is in, `until_us` is out, in µs since 1970. `unusual_below` bounds the p-value of
    both signs. `after` is where the last page ended.
    """

    since_us: int | None = None
    until_us: int | None = None
    label: str | None = None
    model: str | None = None
    version: str | None = None
    tag: str | None = None
    id: str | None = None
    unusual_below: float | None = None
    sort: str = SORTS[0]
    limit: int = 50
    after: Position | None = None

    @property
    def descending(self) -> bool:
        """Whether the largest come first."""
        return self.sort.startswith("-")

    @property
    def by_time(self) -> bool:
        """Whether they come in the order of time, not of unusualness."""
        return self.sort.endswith("time")


def read_filters(query: Iterable[tuple[str, str]], *, paged: bool = True) -> Filters:
    """Read a query's parameters; what makes no sense is a `QueryError`.

    Without pages there is no `limit` and no `cursor`.
    """
    values: dict[str, Any] = {}
    for name, text in query:
        if name not in _READERS or (name in ("limit", "cursor") and not paged):
            known = [n for n in _READERS if paged or n not in ("limit", "cursor")]
            raise QueryError(f"query: expected parameters among {', '.join(known)}; found another")
        field, read = _READERS[name]
        if field in values:
            raise QueryError(f"{name}: expected it once, found it again")
        values[field] = read(name, text)
    filters = Filters(**values)
    _check_together(filters)
    return filters


def _check_together(filters: Filters) -> None:
    since, until = filters.since_us, filters.until_us
    if since is not None and until is not None and since >= until:
        raise QueryError("until: expected a time after since, found none")
    if filters.after is not None and filters.after.sort != filters.sort:
        raise QueryError("cursor: expected one of a page with the same sort, found another's")


def _time(name: str, text: str) -> int:
    try:
        time = datetime.fromisoformat(text)
        aware = time if time.tzinfo is not None else time.replace(tzinfo=UTC)
        return (aware - EPOCH) // timedelta(microseconds=1)
    except (ValueError, OverflowError) as error:
        raise QueryError(
            f"{name}: expected a time as 2026-01-31T12:00:00Z, found another text; a + is written "
            "%2B in a query"
        ) from error


def _text(name: str, text: str) -> str:
    if text == "":
        raise QueryError(f"{name}: expected a text, found none")
    return text


def _tag(name: str, text: str) -> str:
    if not is_tag(text):
        raise QueryError(
            f"{name}: expected 1 to {LONGEST} letters, digits or . _ : = / @ -, found another text"
        )
    return text


def _id(name: str, text: str) -> str:
    if not re.fullmatch(r"[!-~]{1,128}", text):
        raise QueryError(f"{name}: expected 1 to 128 visible ASCII letters, found another text")
    return text


def _share(name: str, text: str) -> float:
    if not re.fullmatch(r"\d{0,20}\.?\d{1,20}([eE]-?\d{1,3})?", text, re.ASCII) or not (
        0 < float(text) <= 1
    ):
        raise QueryError(f"{name}: expected a number above 0 and at most 1, found another value")
    return float(text)


def _sort(name: str, text: str) -> str:
    if text not in SORTS:
        raise QueryError(f"{name}: expected {' or '.join(sorted(SORTS))}, found another")
    return text


def _limit(name: str, text: str) -> int:
    if not re.fullmatch(r"\d{1,4}", text, re.ASCII) or not 1 <= int(text) <= LARGEST_PAGE:
        raise QueryError(
            f"{name}: expected a whole number from 1 to {LARGEST_PAGE}, found another value"
        )
    return int(text)


def _cursor(_name: str, text: str) -> Position:
    return read_cursor(text)


_READERS: dict[str, tuple[str, Callable[[str, str], Any]]] = {
    "since": ("since_us", _time),
    "until": ("until_us", _time),
    "label": ("label", _text),
    "model": ("model", _text),
    "version": ("version", _text),
    "tag": ("tag", _tag),
    "id": ("id", _id),
    "unusual_below": ("unusual_below", _share),
    "sort": ("sort", _sort),
    "limit": ("limit", _limit),
    "cursor": ("after", _cursor),
}
