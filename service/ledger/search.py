"""Finds the rows of a page in bounded time, however rare they are.

The rows are divided into partitions, each of which an index can scan in order. A page scans an
index in its order. Conditions that the index cannot decide are checked row by row, and after
`MAX_SCANNED_ENTRIES` entries the page ends, perhaps with fewer rows than requested; its cursor
continues the scan. If at most `MAX_SORTED_ROWS` rows meet the conditions of the other order, they
are sorted instead, because a scan would find them late.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection, Select, Subquery, select

from service.ledger.fields import ModelKey, StoredModel
from service.ledger.filters import ALL_MODELS, PageFilters, Position
from service.ledger.tables import requests, tags

TIME, TYPICALITY = "time", "typicality_combined"  # the columns to sort by
MAX_SORTED_ROWS = 20_000
MAX_SCANNED_ENTRIES = 20_000  # of an index
MAX_FETCHED_ROWS = 2_000  # of the table, at random positions
FIRST_FETCH_FACTOR = 16  # rows fetched for each requested row at first; this is often enough

Condition = ColumnElement[bool]


class SearchResult(NamedTuple):
    """Rows in order, and the position to continue from; None at the end."""

    positions: list[Position]
    next: Position | None


@dataclass(frozen=True, kw_only=True)
class Partition:
    """The rows of a table whose columns have the values in `equal`.

    An index returns them in the order of each column in `ordered`. `rest` holds the other
    conditions, on the table of requests.
    """

    table: sa.Table
    equal: dict[str, Any] = field(default_factory=dict)
    ordered: frozenset[str] = frozenset({TIME, TYPICALITY})
    rest: tuple[Condition, ...] = ()

    @property
    def conditions(self) -> list[Condition]:
        """The equalities."""
        return [self.table.c[name] == value for name, value in self.equal.items()]

    def widened(self) -> "Partition":
        """Return the whole table, which has every order, with the equalities added to `rest`."""
        equal = tuple(_unindexed(self.table.c[name]) == value for name, value in self.equal.items())
        return Partition(table=self.table, rest=(*equal, *self.rest))


def search(
    connection: Connection,
    filters: PageFilters,
    models: Sequence[StoredModel],
    served: Collection[ModelKey] | None = None,
) -> SearchResult:
    """Find at most `filters.limit` rows; filters without a model mean those `served`, if given."""
    results = [
        _IndexScan(connection, filters, partition).result()
        for partition in partitions(filters, models, served)
    ]

    def order(position: Position) -> tuple[float, int]:
        sign = -1 if filters.descending else 1
        return sign * position.key, sign * position.sequence

    merged = sorted((p for result in results for p in result.positions), key=order)
    end = min((r.next for r in results if r.next is not None), key=order, default=None)
    if end is not None:  # the partition that ended there has not scanned beyond
        merged = [position for position in merged if order(position) <= order(end)]
    if len(merged) > filters.limit:
        return SearchResult(merged[: filters.limit], merged[filters.limit - 1])
    return SearchResult(merged, end)


def partitions(
    filters: PageFilters,
    models: Sequence[StoredModel],
    served: Collection[ModelKey] | None = None,
) -> list[Partition]:
    """Return partitions that together hold all rows that may match."""
    chosen = served if filters.served_only else None
    matching = [
        model
        for model in models
        if _matches(model, filters) and (chosen is None or model.key in chosen)
    ]
    all_match = len(matching) == len(models)
    if not matching:
        return []
    if filters.id is not None or filters.tag is not None:
        rest = _model_conditions(filters, matching, all_match)
        if filters.id is None:
            return [Partition(table=tags, equal={"tag": filters.tag}, rest=rest)]
        if filters.tag is not None:
            same = tags.c.sequence == requests.c.sequence, tags.c.tag == filters.tag
            rest = (*rest, select(tags.c.sequence).where(*same).exists())
        by_time = frozenset({TIME})
        return [Partition(table=requests, equal={"id": filters.id}, ordered=by_time, rest=rest)]
    if (label := filters.label) is not None:
        return [
            Partition(table=requests, equal={"model": m.number, "label": m.labels.index(label)})
            for m in matching
        ]
    if all_match:
        return [Partition(table=requests)]
    return [Partition(table=requests, equal={"model": model.number}) for model in matching]


class _IndexScan:
    """Search in one partition."""

    def __init__(self, connection: Connection, filters: PageFilters, partition: Partition) -> None:
        self._connection = connection
        self._filters = filters
        self._sort_by, self._other = (TIME, TYPICALITY) if filters.by_time else (TYPICALITY, TIME)
        self._partition = partition
        self._limit = filters.limit + 1  # one more row shows whether there are more

    def result(self) -> SearchResult:
        """Return up to `_limit` rows, and the position where the scan ended early."""
        other_bounds = self._bounds(self._other, self._partition.table.c[self._other])
        in_order = self._sort_by in self._partition.ordered
        if self._other in self._partition.ordered and (other_bounds or not in_order):
            most = MAX_FETCHED_ROWS if self._partition.rest else MAX_SORTED_ROWS
            rows = self._candidates(other_bounds, most + 1)
            if (self._connection.scalar(select(sa.func.count()).select_from(rows)) or 0) <= most:
                return SearchResult(self._positions(self._matching(rows, self._partition)), None)
        partition = self._partition if in_order else self._partition.widened()
        if not other_bounds and not partition.rest:
            return self._scan(partition, self._limit)._replace(next=None)
        if not partition.rest:
            return self._scan(partition, MAX_SCANNED_ENTRIES)
        first = self._scan(partition, min(FIRST_FETCH_FACTOR * self._limit, MAX_FETCHED_ROWS))
        enough = first.next is None or len(first.positions) == self._limit
        return first if enough else self._scan(partition, MAX_FETCHED_ROWS)

    def _scan(self, partition: Partition, entries: int) -> SearchResult:
        """Scan an index for `entries` entries, or until there are enough rows."""
        key, sequence = partition.table.c[self._sort_by], partition.table.c["sequence"]
        chosen = self._columns(partition).where(
            *partition.conditions, *self._bounds(self._sort_by, key), *self._after(key, sequence)
        )
        scanned = self._sorted(chosen, key, sequence).limit(entries).subquery("scanned")
        positions = self._positions(self._matching(scanned, partition))
        if len(positions) == self._limit:
            return SearchResult(positions, None)
        last = select(scanned.c.key, scanned.c.sequence).offset(entries - 1).limit(1)
        ends = self._positions(self._sorted(last, scanned.c.key, scanned.c.sequence))
        return SearchResult(positions, ends[0] if ends else None)

    def _candidates(self, other_bounds: list[Condition], most: int) -> Subquery:
        """Return at most `most` rows that meet the conditions of the other order."""
        chosen = self._columns(self._partition).where(*self._partition.conditions, *other_bounds)
        order = self._partition.table.c[self._other], self._partition.table.c["sequence"]
        return chosen.order_by(*order).limit(most).subquery("candidates")

    def _columns(self, partition: Partition) -> Select[Any]:
        key, other = partition.table.c[self._sort_by], partition.table.c[self._other]
        return select(partition.table.c["sequence"], key.label("key"), other.label("other"))

    def _matching(self, rows: Subquery, partition: Partition) -> Select[Any]:
        """Select the rows that meet all conditions."""
        chosen = select(rows.c.key, rows.c.sequence)
        if partition.rest:
            chosen = chosen.join_from(rows, requests, requests.c.sequence == rows.c.sequence)
        chosen = chosen.where(
            *partition.rest,
            *self._bounds(self._sort_by, rows.c.key),
            *self._bounds(self._other, rows.c.other),
            *self._after(rows.c.key, rows.c.sequence),
        )
        return self._sorted(chosen, rows.c.key, rows.c.sequence).limit(self._limit)

    def _bounds(self, name: str, column: Any) -> list[Condition]:
        """Return the conditions on one of the columns to sort by."""
        filters = self._filters
        if name == TIME:
            return [
                *([] if filters.since is None else [column >= filters.since]),
                *([] if filters.until is None else [column < filters.until]),
            ]
        if filters.typicality_below is not None:
            return [column < filters.typicality_below]
        return [column >= 0] if self._sort_by == TYPICALITY else []  # excludes NULL

    def _after(self, key: Any, sequence: Any) -> list[Condition]:
        """Return the condition that a row comes after the cursor."""
        after = self._filters.after
        if after is None:
            return []
        row, end = sa.tuple_(key, sequence), sa.tuple_(after.key, after.sequence)
        return [row < end if self._filters.descending else row > end]

    def _sorted(self, chosen: Select[Any], *columns: Any) -> Select[Any]:
        descending = self._filters.descending
        return chosen.order_by(*(c.desc() if descending else c.asc() for c in columns))

    def _positions(self, chosen: Select[Any]) -> list[Position]:
        sort = self._filters.sort
        return [Position(sort, row.key, row.sequence) for row in self._connection.execute(chosen)]


def _matches(model: StoredModel, filters: PageFilters) -> bool:
    return (
        filters.model in (None, ALL_MODELS, model.name)
        and filters.version in (None, model.version)
        and (filters.label is None or filters.label in model.labels)
    )


def _model_conditions(
    filters: PageFilters, matching: list[StoredModel], all_match: bool
) -> tuple[Condition, ...]:
    number, label = _unindexed(requests.c.model), _unindexed(requests.c.label)
    if filters.label is not None:
        pairs = [
            sa.and_(number == model.number, label == model.labels.index(filters.label))
            for model in matching
        ]
        return (sa.or_(sa.false(), *pairs),)
    return () if all_match else (number.in_([model.number for model in matching]),)


def _unindexed(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Prevent the use of this column's index: the partition's index is better."""
    return column if column.type.python_type is str else column + 0
