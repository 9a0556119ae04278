"""The search against the plainest one: all rows read, chosen and sorted in Python."""

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import NamedTuple

import pytest

from service.ledger import search as searching
from service.ledger.address import Address
from service.ledger.backlog import Shipment
from service.ledger.entries import Entry
from service.ledger.filters import Filters
from service.ledger.reader import Reader
from service.ledger.store import Store
from tests.service.conftest import METADATA
from tests.service.ledger.conftest import address_of, batch, entry, floats

ROWS = 120
MODELS = [replace(METADATA, version=version) for version in ("1", "2", "3")]
MODELS.append(replace(METADATA, name="other", labels=("c", "d", "a")))


class Kept(NamedTuple):
    sequence: int
    entry: Entry

    @property
    def label(self) -> str:
        values = list(memoryview(self.entry.probabilities).cast("f"))
        return self.entry.model.labels[values.index(max(values))]

    @property
    def unusual(self) -> float | None:
        return self.entry.unusual and self.entry.unusual[2]


def drawn(random: Random) -> Entry:
    best = random.choices([0, 1, 2], [8, 3, 0.2])[0]
    both = random.choice([None, random.random() ** 2, 0.25])
    return entry(
        time_us=random.randrange(1000),
        request_id=random.choice(["one", "two", "three"]),
        model=random.choices(MODELS, [5, 3, 0.2, 2])[0],
        probabilities=floats(*(0.5 if label == best else 0.25 for label in range(3))),
        unusual=None if both is None else (0.5, 0.5, both),
        tags=tuple(
            tag for tag, share in (("often", 0.5), ("rare", 0.02)) if random.random() < share
        ),
    )


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def ledger(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Address, list[Kept]]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('search')}/ledger.db"
    else:
        url = request.getfixturevalue("module_postgresql_url")
    address = address_of(url)
    random = Random(5)
    entries = [drawn(random) for _ in range(ROWS)]
    store = Store(address)
    store.send(Shipment(1, batch(*entries), ()))
    store.close()
    return address, [Kept(i + 1, each) for i, each in enumerate(entries)]


@pytest.fixture
def reader(ledger: tuple[Address, list[Kept]]) -> Iterator[Reader]:
    reader = Reader(ledger[0])
    yield reader
    reader.close()


def fits(kept: Kept, filters: Filters) -> bool:
    each, unusual = kept.entry, kept.unusual
    return (
        (filters.since_us is None or each.time_us >= filters.since_us)
        and (filters.until_us is None or each.time_us < filters.until_us)
        and filters.label in (None, kept.label)
        and filters.model in (None, each.model.name)
        and filters.version in (None, each.model.version)
        and (filters.tag is None or filters.tag in each.tags)
        and filters.id in (None, each.request_id)
        and (filters.by_time or unusual is not None)
        and (
            filters.unusual_below is None
            or (unusual is not None and unusual < filters.unusual_below)
        )
    )


def expected(all_kept: list[Kept], filters: Filters) -> list[int]:
    fitting = [kept for kept in all_kept if fits(kept, filters)]

    def key(kept: Kept) -> tuple[float, int]:
        value = kept.entry.time_us if filters.by_time else kept.unusual
        assert value is not None
        return value, kept.sequence

    return [kept.sequence for kept in sorted(fitting, key=key, reverse=filters.descending)]


def found(reader: Reader, filters: Filters) -> list[int]:
    """Turn the pages to the last."""
    numbers: list[int] = []
    for _ in range(10 * ROWS):
        page = reader.page(filters)
        assert len(page.rows) <= filters.limit
        numbers += [each.row.sequence for each in page.rows]
        if page.more is None:
            return numbers
        assert page.more != filters.after
        filters = replace(filters, after=page.more)
    raise AssertionError("the pages have no end")


def any_filters(random: Random) -> Filters:
    def perhaps(values: list[object], share: float = 0.35) -> object:
        return random.choice(values) if random.random() < share else None

    since, until = sorted(random.sample(range(1000), 2))
    return Filters(
        since_us=since if random.random() < 0.3 else None,
        until_us=until if random.random() < 0.3 else None,
        label=perhaps(["a", "b", "c", "d", "e"]),  # type: ignore[arg-type]
        model=perhaps(["tiny", "other", "none"], 0.2),  # type: ignore[arg-type]
        version=perhaps(["1", "2", "3", "4"], 0.2),  # type: ignore[arg-type]
        tag=perhaps(["often", "rare", "never"], 0.3),  # type: ignore[arg-type]
        id=perhaps(["one", "four"], 0.15),  # type: ignore[arg-type]
        unusual_below=perhaps([0.25, 0.01, 0.9, 1.0], 0.4),  # type: ignore[arg-type]
        sort=random.choice(["time", "-time", "unusual", "-unusual"]),
        limit=random.choice([7, 50, 1000]),
    )


LIMITS = [(20_000, 20_000, 2_000, 16), (0, 5, 3, 1), (40, 30, 10, 2)]


@pytest.mark.parametrize("limits", LIMITS)
def test_pages_hold_what_fits_in_order_and_once(
    ledger: tuple[Address, list[Kept]],
    reader: Reader,
    limits: tuple[int, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = ("SORTED", "LOOKED_AT", "LOOKED_UP", "AT_FIRST")
    for name, value in zip(names, limits, strict=True):
        monkeypatch.setattr(searching, name, value)
    random = Random(limits[0])
    for _ in range(25):
        filters = any_filters(random)
        assert found(reader, filters) == expected(ledger[1], filters), filters


def test_a_page_may_be_short_and_lead_on(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "LOOKED_UP", 10)
    page = reader.page(Filters(tag="often", label="c", limit=50))
    assert len(page.rows) < 50
    assert page.more is not None
