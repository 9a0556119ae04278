"""Finds the rows of a page in a bounded time, whatever is asked for and however rare it is.

A page walks along an index in the order asked for. What the index cannot decide is looked up row by
row, and after `LOOKED_AT` rows the page ends, perhaps with fewer rows than asked for, or none; its
cursor leads on. Where few rows satisfy what the order does not, at most `SORTED`, they are sorted
instead: else they would be found at the end of a long walk.
"""

from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, Subquery, func, select, tuple_

from service.ledger.cursor import Position
from service.ledger.filters import Filters
from service.ledger.scopes import TIME, UNUSUAL, Condition, Model, Scope, scopes
from service.ledger.tables import requests

SORTED = 20_000
LOOKED_AT = 20_000  # entries of an index
LOOKED_UP = 2_000  # rows of the table, which lie apart
AT_FIRST = 16  # times as many as are wanted are looked up, for often that is enough


class Found(NamedTuple):
    """Rows in order, and from where to go on: None where there are no more."""

    positions: list[Position]
    more: Position | None


def search(connection: Connection, filters: Filters, known: list[Model]) -> Found:
    """Find at most `filters.limit` rows."""
    parts = [_Walk(connection, filters, scope).found() for scope in scopes(filters, known)]
    merged = sorted((p for part in parts for p in part.positions), key=_order(filters))
    ends = [part.more for part in parts if part.more is not None]
    end = min(ends, key=_order(filters), default=None)
    if end is not None:  # beyond it, a part has not looked yet
        merged = [p for p in merged if _order(filters)(p) <= _order(filters)(end)]
    if len(merged) > filters.limit:
        return Found(merged[: filters.limit], merged[filters.limit - 1])
    return Found(merged, end)


def _order(filters: Filters) -> Any:
    sign = -1 if filters.descending else 1
    return lambda position: (sign * position.key, sign * position.sequence)


class _Walk:
    """One scope searched."""

    def __init__(self, connection: Connection, filters: Filters, scope: Scope) -> None:
        self._connection = connection
        self._filters = filters
        self._by, self._other = (TIME, UNUSUAL) if filters.by_time else (UNUSUAL, TIME)
        self._scope = scope
        self._wanted = filters.limit + 1  # one more says that there is more

    def found(self) -> Found:
        """Find one row more than wanted, or all there are, or some and where the walk ended."""
        crossing = self._range(self._scope, self._other)
        in_order = self._by in self._scope.ordered
        if self._other in self._scope.ordered and (crossing or not in_order):
            most = LOOKED_UP if self._scope.rest else SORTED
            few = self._few(crossing, most)
            if (self._connection.scalar(select(func.count()).select_from(few)) or 0) <= most:
                return Found(self._positions(self._fitting(few, self._scope)), None)
        scope = self._scope if in_order else self._scope.widened()
        if not crossing and not scope.rest:
            return self._walk(scope, self._wanted)._replace(more=None)
        if not scope.rest:
            return self._walk(scope, LOOKED_AT)
        first = self._walk(scope, min(AT_FIRST * self._wanted, LOOKED_UP))
        enough = first.more is None or len(first.positions) == self._wanted
        return first if enough else self._walk(scope, LOOKED_UP)

    def _walk(self, scope: Scope, steps: int) -> Found:
        """Look at so many rows, or until there are enough."""
        key = scope.column(self._by)
        walked = (
            self._columns(scope)
            .where(*scope.conditions, *self._range(scope, self._by), *self._after(scope))
            .order_by(*self._ordered(key, scope.column("sequence")))
            .limit(steps)
            .subquery("walked")
        )
        positions = self._positions(self._fitting(walked, scope))
        if len(positions) == self._wanted:
            return Found(positions, None)
        last = self._sorted(select(walked.c.key, walked.c.sequence), walked).offset(steps - 1)
        ends = self._positions(last.limit(1))
        return Found(positions, ends[0] if ends else None)

    def _few(self, crossing: list[Condition], most: int) -> Subquery:
        """Return what satisfies the other column's condition; one row too many is too much."""
        chosen = self._columns(self._scope).where(*self._scope.conditions, *crossing)
        order = self._scope.column(self._other), self._scope.column("sequence")
        return chosen.order_by(*order).limit(most + 1).subquery("few")

    def _columns(self, scope: Scope) -> Select[Any]:
        key, other = scope.column(self._by), scope.column(self._other)
        return select(scope.column("sequence"), key.label("key"), other.label("other"))

    def _fitting(self, rows: Subquery, scope: Scope) -> Select[Any]:
        """Choose among the rows by all that was asked for."""
        chosen = select(rows.c.key, rows.c.sequence)
        if scope.rest:
            chosen = chosen.join_from(rows, requests, requests.c.sequence == rows.c.sequence).where(
                *scope.rest
            )
        both = {self._by: rows.c.key, self._other: rows.c.other}
        conditions = [c for name, column in both.items() for c in self._bounds(name, column)]
        after = self._filters.after
        if after is not None:
            conditions.append(self._beyond(rows.c.key, rows.c.sequence, after))
        return self._sorted(chosen.where(*conditions), rows).limit(self._wanted)

    def _sorted(self, chosen: Select[Any], rows: Subquery) -> Select[Any]:
        return chosen.order_by(*self._ordered(rows.c.key, rows.c.sequence))

    def _range(self, scope: Scope, name: str) -> list[Condition]:
        return self._bounds(name, scope.column(name))

    def _bounds(self, name: str, column: Any) -> list[Condition]:
        filters = self._filters
        if name == TIME:
            since, until = filters.since_us, filters.until_us
            return [
                *([] if since is None else [column >= since]),
                *([] if until is None else [column < until]),
            ]
        if filters.unusual_below is not None:
            return [column < filters.unusual_below]
        return [column >= 0] if self._by == UNUSUAL else []  # without those that have none

    def _after(self, scope: Scope) -> list[Condition]:
        after = self._filters.after
        if after is None:
            return []
        return [self._beyond(scope.column(self._by), scope.column("sequence"), after)]

    def _beyond(self, key: Any, number: Any, after: Position) -> Condition:
        here, there = tuple_(key, number), tuple_(after.key, after.sequence)
        return here < there if self._filters.descending else here > there

    def _ordered(self, *columns: Any) -> list[Any]:
        return [c.desc() if self._filters.descending else c.asc() for c in columns]

    def _positions(self, chosen: Select[Any]) -> list[Position]:
        sort = self._filters.sort
        return [Position(sort, row.key, row.sequence) for row in self._connection.execute(chosen)]
