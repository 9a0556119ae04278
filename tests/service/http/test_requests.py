"""The ledger over HTTP, by both ways to the doors."""

import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pydantic import TypeAdapter

from service.classifier import Classifier
from service.http.schemas.requests import LedgerStatus, RecordedRequest, RequestPage
from tests.service.conftest import Recipe, application
from tests.service.http.talk import INFER, JSON, Ask, way_to

TENSOR = {"name": "input", "shape": [1, 4], "datatype": "FP32", "data": [0, 0, 1, 0]}
TAGS = {**JSON, "X-Tags": "customer=acme, canary"}


def instances(*rows: list[int]) -> bytes:
    return json.dumps({"instances": rows}).encode()


def until_written(ask: Ask, rows: int) -> None:
    end = time.monotonic() + 10
    while ask("GET", "/ledger").json()["written"] < rows:
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture(scope="module", params=["socket", "asgi"])
def ledger(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ask]:
    """A server that has answered four requests, five rows in all."""
    path = tmp_path_factory.mktemp("ledger") / "ledger.db"
    app = application(Classifier(Recipe().build()), ledger_url=f"sqlite:///{path}")
    with way_to(app, request.param) as ask:
        two = instances([1, 0, 0, 0], [0, 1, 0, 0])
        assert ask("POST", "/predict", two, {**TAGS, "X-Request-Id": "first"}).status == 200
        time.sleep(0.01)
        scaled = {"name": "gate_scale", "shape": [1, 2], "datatype": "FP32", "data": [0, 2]}
        body = json.dumps({"inputs": [TENSOR, scaled]}).encode()
        assert ask("POST", INFER, body, {**JSON, "X-Request-Id": "second/2"}).status == 200
        time.sleep(0.01)
        for name in ("third", "fourth"):
            ask("POST", "/predict", instances([1, 0, 0, 0]), {**JSON, "X-Request-Id": name})
            time.sleep(0.01)
        ask("POST", "/predict", b"{}")  # refused, and not recorded
        until_written(ask, 5)
        yield ask


def page(ask: Ask, query: str = "") -> Any:
    answer = ask("GET", f"/requests?{query}")
    assert answer.status == 200, answer.body
    return answer.json()


def ids(ask: Ask, query: str = "") -> list[str]:
    return [f"{row['id']}:{row['row']}" for row in page(ask, query)["requests"]]


def test_the_newest_come_first(ledger: Ask) -> None:
    assert ids(ledger) == ["fourth:0", "third:0", "second/2:0", "first:1", "first:0"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("sort=time", ["first:0", "first:1", "second/2:0", "third:0", "fourth:0"]),
        ("label=a", ["fourth:0", "third:0", "first:0"]),
        ("label=b&tag=canary", ["first:1"]),
        ("tag=customer%3Dacme&sort=time", ["first:0", "first:1"]),
        ("id=second/2", ["second/2:0"]),
        ("model=tiny&version=1&limit=1", ["fourth:0"]),
        ("model=other", []),
        ("label=never", []),
        ("until=2020-01-01", []),
        ("since=2020-01-01T00:00:00%2B00:00&limit=2", ["fourth:0", "third:0"]),
        ("unusual_below=0.3&label=b&sort=unusual", ["first:1"]),
    ],
)
def test_filters_and_sorts(ledger: Ask, query: str, expected: list[str]) -> None:
    assert ids(ledger, query) == expected


def test_pages_follow_each_other(ledger: Ask) -> None:
    first = page(ledger, "limit=3")
    second = page(ledger, f"limit=3&cursor={first['next']}")
    told = [row["id"] for row in first["requests"] + second["requests"]]
    assert told == ["fourth", "third", "second/2", "first", "first"]
    assert second["next"] is None


def test_a_row_of_a_list(ledger: Ask) -> None:
    (row,) = page(ledger, "label=b&tag=canary")["requests"]
    assert row.pop("time").endswith("Z")
    unusual = row.pop("unusual")
    assert set(unusual) == {"gates", "confidence", "both"}
    assert row == {
        "id": "first",
        "row": 1,
        "rows": 2,
        "door": "predict",
        "model_name": "tiny",
        "model_version": "1",
        "label": "b",
        "probability": pytest.approx(0.5761169),
        "tags": ["canary", "customer=acme"],
        "weight": 1.0,
    }


def test_everything_of_a_request(ledger: Ask) -> None:
    told = ledger("GET", "/requests/second/2").json()
    (row,) = told["rows"]
    assert (told["id"], row["label"], row["door"]) == ("second/2", "c", "infer")
    assert row["probabilities"] == {
        "a": pytest.approx(0.2119416),
        "b": pytest.approx(0.2119416),
        "c": pytest.approx(0.5761169),
    }
    assert row["gate_mean"] == {"highway 1": 0.5, "highway 2": pytest.approx(0.6155293)}
    assert row["gate_scale"] == {"highway 1": 0.0, "highway 2": 2.0}
    assert row["input_stored"] is False
    timing = row["timing_ms"]
    assert timing["batch_rows"] == 1
    assert 0 < timing["model"] < timing["total"]


def test_what_an_answer_said_is_what_is_recorded(ledger: Ask) -> None:
    answer = ledger("POST", "/predict", instances([1, 0, 0, 0])).json()["predictions"][0]
    (row,) = ledger("GET", "/requests/third").json()["rows"]
    assert list(row["probabilities"].values()) == pytest.approx(answer["probabilities"], abs=1e-6)
    assert list(row["gate_mean"].values()) == pytest.approx(answer["gate_mean"], abs=1e-6)
    assert row["unusual"] == pytest.approx(answer["unusual"], abs=1e-6)


def test_a_table_for_notebooks(tmp_path: Path) -> None:
    app = application(Classifier(Recipe().build()), ledger_url=f"sqlite:///{tmp_path}/ledger.db")
    with way_to(app, "asgi") as ask:
        ask("POST", "/predict", instances([1, 0, 0, 0], [0, 1, 0, 0]), TAGS)
        ask("POST", "/predict", instances([1, 0, 0, 0]))
        until_written(ask, 3)
        answer = ask("GET", "/requests.parquet?tag=canary&sort=time")
    assert answer.headers["content-type"] == "application/vnd.apache.parquet"
    table = pq.read_table(io.BytesIO(answer.body))
    assert table.column("label").to_pylist() == ["a", "b"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/requests?limit=0", "limit: expected a whole number from 1 to 1000, found another value"),
        (
            "/requests?since=2026-01-02&until=2026-01-01",
            "until: expected a time after since, found none",
        ),
        (
            "/requests?tag=x'%20OR%201=1",
            "tag: expected 1 to 64 letters, digits or . _ : = / @ -, found another text",
        ),
        (
            "/requests.parquet?limit=5",
            "query: expected parameters among since, until, label, model, version, tag, id, "
            "unusual_below, sort; found another",
        ),
    ],
)
def test_a_query_that_makes_no_sense_is_one_sentence(ledger: Ask, path: str, message: str) -> None:
    answer = ledger("GET", path)
    assert (answer.status, answer.error) == (400, message)


@pytest.mark.parametrize("name", ["nobody", "x'%20OR%20'1'='1", "first/predict", "%00"])
def test_an_unknown_request_is_404(ledger: Ask, name: str) -> None:
    answer = ledger("GET", f"/requests/{name}")
    assert answer.status == 404
    assert answer.error.startswith("id: expected one that is in the ledger, found another")


@pytest.mark.parametrize("path", ["/predict", INFER])
def test_a_tag_that_is_none_is_refused_at_every_door(ledger: Ask, path: str) -> None:
    headers = {**JSON, "X-Tags": "'); DROP TABLE ledger_requests; --"}
    answer = ledger("POST", path, instances([1, 0, 0, 0]), headers)
    assert (answer.status, answer.error) == (
        400,
        "X-Tags: expected tags with commas between, each 1 to 64 letters, digits or "
        ". _ : = / @ -; found another",
    )


def test_how_the_ledger_stands(ledger: Ask) -> None:
    told = ledger("GET", "/ledger").json()
    assert told.pop("url").startswith("sqlite:///")
    assert told.pop("written") >= 5
    told.pop("waiting")
    assert told == {
        "state": "writing",
        "trouble": None,
        "sampled_out": 0,
        "lost": 0,
        "rate": 100.0,
        "inputs": False,
        "retention": {"days": 30.0, "rows": 10_000_000},
        "gaps": [],
    }


@pytest.mark.parametrize(
    ("path", "schema"),
    [
        ("/requests", RequestPage),
        ("/requests/first", RecordedRequest),
        ("/requests/second/2", RecordedRequest),
        ("/ledger", LedgerStatus),
    ],
)
def test_an_answer_is_what_its_schema_promises(ledger: Ask, path: str, schema: Any) -> None:
    answer = ledger("GET", path)
    adapter = TypeAdapter[Any](schema)
    read = adapter.validate_json(answer.body, strict=True)
    assert adapter.dump_python(read, mode="json") == answer.json()


@pytest.fixture
def without(way: str) -> Iterator[Ask]:
    with way_to(application(Classifier(Recipe().build()), ledger_url="off"), way) as ask:
        yield ask


@pytest.mark.parametrize("path", ["/requests", "/requests/x", "/requests.parquet"])
def test_without_a_ledger_there_is_nothing_to_see(without: Ask, path: str) -> None:
    answer = without("GET", path)
    assert (answer.status, answer.error) == (
        404,
        "ledger: expected one, found it off; start the server with another HIGHWAY_LEDGER_URL",
    )


def test_a_ledger_that_is_off_says_so(without: Ask) -> None:
    told = without("GET", "/ledger").json()
    assert (told["state"], told["url"], told["written"]) == ("off", None, 0)
    TypeAdapter(LedgerStatus).validate_python(told, strict=True)


@pytest.mark.parametrize("path", ["/requests", "/requests/x", "/requests.parquet"])
def test_a_database_that_is_away_is_503(tmp_path: Path, way: str, path: str) -> None:
    app = application(Classifier(Recipe().build()), ledger_url=f"sqlite:///{tmp_path}/no/x.db")
    with way_to(app, way) as ask:
        answer = ask("GET", path)
        assert (answer.status, answer.error) == (
            503,
            "ledger: expected its database, found: unable to open database file; answers go on "
            "without it",
        )
