import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.classifier import Classifier
from tests.service.conftest import application
from tests.service.http.talk import Ask, way_to
from tests.service.http.test_requests import instances, until_written


@pytest.fixture
def ask(classifier: Classifier, tmp_path: Path) -> Iterator[Ask]:
    url = f"sqlite:///{tmp_path}/ledger.db"
    with way_to(application(classifier, ledger_url=url, ledger_rate=1), "asgi") as ask:
        yield ask


def test_rows_are_counted_by_what_became_of_them(ask: Ask) -> None:
    ask("POST", "/predict", instances(*[[1, 0, 0, 0]] * 7))
    until_written(ask, 1)
    lines = ask("GET", "/metrics").body.decode().splitlines()
    assert {line for line in lines if re.match("highway_ledger", line)} == {
        'highway_ledger_rows_total{outcome="written"} 1.0',
        'highway_ledger_rows_total{outcome="sampled_out"} 6.0',
        'highway_ledger_rows_total{outcome="lost"} 0.0',
        "highway_ledger_waiting_rows 0.0",
        "highway_ledger_writing 1.0",
    }


def test_a_server_without_a_ledger_tells_nothing_of_it(classifier: Classifier) -> None:
    with way_to(application(classifier, ledger_url="off"), "asgi") as ask:
        assert b"highway_ledger" not in ask("GET", "/metrics").body
