"""The parts of the tables that a search can walk through in order, by the help of an index."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Table, and_, false, or_, select

from service.ledger.filters import Filters
from service.ledger.tables import models, requests, tags

TIME, UNUSUAL = "time", "unusual_both"  # the columns to sort by
Condition = ColumnElement[bool]


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model as the ledger knows it."""

    number: int
    name: str
    version: str
    digest: str
    labels: Sequence[str]
    layers: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Rows of a table whose columns `equal` these values.

    They can be walked through in the order of each column of `ordered`. What else they have to be
    is the `rest`, conditions on the table of requests.
    """

    table: Table
    equal: dict[str, Any] = field(default_factory=dict)
    ordered: frozenset[str] = frozenset({TIME, UNUSUAL})
    rest: tuple[Condition, ...] = ()

    def column(self, name: str) -> Column[Any]:
        """Return one of the table's columns."""
        return self.table.c[name]

    @property
    def conditions(self) -> list[Condition]:
        """The equalities."""
        return [self.table.c[name] == value for name, value in self.equal.items()]

    def widened(self) -> "Scope":
        """Return all rows, with the equalities as part of the rest: they come in every order."""
        equal = tuple(_aside(self.table.c[name]) == value for name, value in self.equal.items())
        return Scope(table=self.table, rest=(*equal, *self.rest))


def read_models(connection: Connection) -> list[Model]:
    """Read what the ledger knows of models; they are few."""
    return [
        Model(
            number=row.number,
            name=row.name,
            version=row.version,
            digest=row.digest,
            labels=json.loads(row.labels),
            layers=json.loads(row.layers),
        )
        for row in connection.execute(select(models))
    ]


def scopes(filters: Filters, known: Iterable[Model]) -> list[Scope]:
    """Return where to look: the rows of all scopes together are those that may fit."""
    known = list(known)
    fitting = [model for model in known if _fits(model, filters)]
    whole = len(fitting) == len(known)
    if not fitting:
        return []
    if filters.id is not None:
        rest = _rest(filters, fitting, whole)
        tagged = () if filters.tag is None else (_has_tag(filters.tag),)
        ordered = frozenset({TIME})
        equal = {"id": filters.id}
        return [Scope(table=requests, equal=equal, ordered=ordered, rest=(*rest, *tagged))]
    if filters.tag is not None:
        rest = _rest(filters, fitting, whole)
        return [Scope(table=tags, equal={"tag": filters.tag}, rest=rest)]
    if filters.label is not None:
        return [
            Scope(table=requests, equal={"model": model.number, "label": label})
            for model, label in _labels(filters.label, fitting)
        ]
    if whole:
        return [Scope(table=requests)]
    by_time = frozenset({TIME})
    return [
        Scope(table=requests, equal={"model": model.number}, ordered=by_time) for model in fitting
    ]


def _fits(model: Model, filters: Filters) -> bool:
    return (
        filters.model in (None, model.name)
        and filters.version in (None, model.version)
        and (filters.label is None or filters.label in model.labels)
    )


def _rest(filters: Filters, fitting: list[Model], whole: bool) -> tuple[Condition, ...]:
    model = _aside(requests.c.model)
    if filters.label is not None:
        pairs = [
            and_(model == found.number, _aside(requests.c.label) == label)
            for found, label in _labels(filters.label, fitting)
        ]
        return (or_(false(), *pairs),)
    return () if whole else (model.in_([found.number for found in fitting]),)


def _labels(label: str, fitting: list[Model]) -> list[tuple[Model, int]]:
    return [(model, model.labels.index(label)) for model in fitting]


def _has_tag(tag: str) -> Condition:
    same = (tags.c.sequence == requests.c.sequence, tags.c.tag == tag)
    return select(tags.c.sequence).where(*same).exists()


def _aside(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Keep the database from choosing an index of this column: the scope has a better one."""
    return column if column.type.python_type is str else column + 0
