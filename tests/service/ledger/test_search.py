"""The search, compared with a reference that filters and sorts all rows in Python."""

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any, NamedTuple

import pytest
from sqlalchemy import text

from service.database_url import DatabaseUrl
from service.ledger import search as searching
from service.ledger.fields import LedgerRow, StoredModel
from service.ledger.filters import PageFilters
from service.ledger.reader import Reader
from service.ledger.search import TIME, TYPICALITY, Partition, partitions
from service.ledger.store import Store
from service.ledger.tables import requests, tags
from service.ledger.write_buffer import WriteBatch
from tests.service.conftest import METADATA
from tests.service.ledger.conftest import database_of, floats, ledger_row, sample

ROWS = 120
MODELS = [replace(METADATA, version=version) for version in ("1", "2", "3")]
MODELS.append(replace(METADATA, name="other", labels=("c", "d", "a")))


class Stored(NamedTuple):
    sequence: int
    row: LedgerRow

    @property
    def label(self) -> str:
        values = list(memoryview(self.row.probabilities).cast("f"))
        return self.row.model.labels[values.index(max(values))]

    @property
    def typicality(self) -> float | None:
        return self.row.typicality and self.row.typicality[2]


def drawn(random: Random) -> LedgerRow:
    best = random.choices([0, 1, 2], [8, 3, 0.2])[0]
    combined = random.choice([None, random.random() ** 2, 0.25])
    return ledger_row(
        time_us=random.randrange(1000),
        request_id=random.choice(["one", "two", "three"]),
        model=random.choices(MODELS, [5, 3, 0.2, 2])[0],
        probabilities=floats(*(0.5 if label == best else 0.25 for label in range(3))),
        typicality=None if combined is None else (0.5, 0.5, combined),
        tags=tuple(
            tag for tag, share in (("often", 0.5), ("rare", 0.02)) if random.random() < share
        ),
    )


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def ledger(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[DatabaseUrl, list[Stored]]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('search')}/ledger.db"
    else:
        url = request.getfixturevalue("module_postgresql_url")
    database = database_of(url)
    random = Random(5)
    rows = [drawn(random) for _ in range(ROWS)]
    store = Store(database)
    store.send(WriteBatch(1, sample(*rows), ()))
    store.close()
    return database, [Stored(number, row) for number, row in enumerate(rows, 1)]


@pytest.fixture
def reader(ledger: tuple[DatabaseUrl, list[Stored]]) -> Iterator[Reader]:
    reader = Reader(ledger[0])
    yield reader
    reader.close()


def matches(stored: Stored, filters: PageFilters) -> bool:
    row, typicality = stored.row, stored.typicality
    return (
        (filters.since is None or row.time_us >= filters.since)
        and (filters.until is None or row.time_us < filters.until)
        and filters.label in (None, stored.label)
        and filters.model in (None, row.model.name)
        and filters.version in (None, row.model.version)
        and (filters.tag is None or filters.tag in row.tags)
        and filters.id in (None, row.request_id)
        and (filters.by_time or typicality is not None)
        and (
            filters.typicality_below is None
            or (typicality is not None and typicality < filters.typicality_below)
        )
    )


def expected(stored_rows: list[Stored], filters: PageFilters) -> list[int]:
    matching = [stored for stored in stored_rows if matches(stored, filters)]

    def key(stored: Stored) -> tuple[float, int]:
        value = stored.row.time_us if filters.by_time else stored.typicality
        assert value is not None
        return value, stored.sequence

    return [stored.sequence for stored in sorted(matching, key=key, reverse=filters.descending)]


def all_pages(reader: Reader, filters: PageFilters) -> list[int]:
    """Return the rows of all pages."""
    numbers: list[int] = []
    for _ in range(10 * ROWS):
        page = reader.page(filters)
        assert len(page.rows) <= filters.limit
        numbers += [recorded.row.sequence for recorded in page.rows]
        if page.next is None:
            return numbers
        assert page.next != filters.cursor
        filters = filters.model_copy(update={"cursor": page.next})
    raise AssertionError("the pages have no end")


def random_filters(random: Random) -> PageFilters:
    def maybe(values: list[Any], share: float = 0.35) -> Any:
        return random.choice(values) if random.random() < share else None

    since, until = sorted(random.sample(range(1000), 2))
    return PageFilters(
        since=since if random.random() < 0.3 else None,
        until=until if random.random() < 0.3 else None,
        label=maybe(["a", "b", "c", "d", "e"]),
        model=maybe(["tiny", "other", "none"], 0.2),
        version=maybe(["1", "2", "3", "4"], 0.2),
        tag=maybe(["often", "rare", "never"], 0.3),
        id=maybe(["one", "four"], 0.15),
        typicality_below=maybe([0.25, 0.01, 0.9, 1.0], 0.4),
        sort=random.choice(["time", "-time", "typicality", "-typicality"]),
        limit=random.choice([7, 50, 1000]),
    )


LIMITS = [(20_000, 20_000, 2_000, 16), (0, 5, 3, 1), (40, 30, 10, 2)]


@pytest.mark.parametrize("limits", LIMITS)
def test_pages_hold_each_matching_row_once_in_order(
    ledger: tuple[DatabaseUrl, list[Stored]],
    reader: Reader,
    limits: tuple[int, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = (
        *("MAX_SORTED_ROWS", "MAX_SCANNED_ENTRIES"),
        *("MAX_FETCHED_ROWS", "FIRST_FETCH_FACTOR"),
    )
    for name, value in zip(names, limits, strict=True):
        monkeypatch.setattr(searching, name, value)
    random = Random(limits[0])
    for _ in range(25):
        filters = random_filters(random)
        assert all_pages(reader, filters) == expected(ledger[1], filters), filters


def test_a_short_page_may_have_a_next_one(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "MAX_FETCHED_ROWS", 10)
    page = reader.page(PageFilters(tag="often", label="c", limit=50))
    assert len(page.rows) < 50
    assert page.next is not None


FIRST = StoredModel(number=1, name="digits", version="1", digest="", labels=("a", "b"), layers=())
SECOND = StoredModel(number=2, name="digits", version="2", digest="", labels=("b", "c"), layers=())
TWO_MODELS = (FIRST, SECOND)


def equalities(filters: PageFilters) -> list[dict[str, object]]:
    return [partition.equal for partition in partitions(filters, TWO_MODELS)]


def test_without_a_filter_all_rows_are_one_partition() -> None:
    assert partitions(PageFilters(), TWO_MODELS) == [Partition(table=requests)]
    assert partitions(PageFilters(model="digits"), TWO_MODELS) == [Partition(table=requests)]


def test_unknown_values_have_no_partition() -> None:
    for filters in (PageFilters(model="x"), PageFilters(version="3"), PageFilters(label="z")):
        assert partitions(filters, TWO_MODELS) == []
    assert partitions(PageFilters(), []) == []


def test_a_label_has_a_different_index_in_each_model() -> None:
    assert equalities(PageFilters(label="b")) == [
        {"model": 1, "label": 1},
        {"model": 2, "label": 0},
    ]
    assert equalities(PageFilters(label="b", version="2")) == [{"model": 2, "label": 0}]
    assert equalities(PageFilters(label="a")) == [{"model": 1, "label": 0}]


def test_rows_of_a_model_have_both_orders() -> None:
    (partition,) = partitions(PageFilters(version="2"), TWO_MODELS)
    assert partition.equal == {"model": 2}
    assert partition.ordered == frozenset({TIME, TYPICALITY})


@pytest.mark.parametrize(
    ("filters", "models"),
    [
        (PageFilters(), [2]),
        (PageFilters(label="b"), [2]),
        (PageFilters(model="*"), None),
        (PageFilters(model="digits"), None),
        (PageFilters(version="1"), [1]),
        (PageFilters(model="*", label="b"), [1, 2]),
    ],
)
def test_without_a_model_a_version_and_an_id_only_served_models_are_searched(
    filters: PageFilters, models: list[int] | None
) -> None:
    found = [p.equal.get("model") for p in partitions(filters, TWO_MODELS, {SECOND.key})]
    assert found == ([None] if models is None else models)  # None: the whole table


def test_an_id_is_searched_in_all_models() -> None:
    (partition,) = partitions(PageFilters(id="one"), TWO_MODELS, {SECOND.key})
    assert partition.rest == ()


def test_a_tag_is_searched_in_served_models() -> None:
    (partition,) = partitions(PageFilters(tag="canary"), TWO_MODELS, {SECOND.key})
    assert "ledger_requests.model" in str(partition.rest[0])


def test_a_tag_has_its_own_table_and_an_id_takes_precedence() -> None:
    (partition,) = partitions(PageFilters(tag="canary"), TWO_MODELS)
    assert (partition.table, len(partition.rest)) == (tags, 0)
    assert partition.ordered == frozenset({TIME, TYPICALITY})
    (partition,) = partitions(PageFilters(tag="canary", id="one"), TWO_MODELS)
    assert (partition.table, partition.equal, len(partition.rest)) == (requests, {"id": "one"}, 1)


def test_a_widened_partition_has_the_same_conditions_and_every_order() -> None:
    (partition,) = partitions(PageFilters(version="2"), TWO_MODELS)
    wide = partition.widened()
    assert not wide.equal
    assert wide.ordered == frozenset({TIME, TYPICALITY})
    (condition,) = wide.rest
    shown = condition.compile(compile_kwargs={"literal_binds": True})
    assert str(shown) == str(text("ledger_requests.model + 0 = 2"))
