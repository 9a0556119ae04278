"""The ledger over HTTP, through a socket and through ASGI."""

import io
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pydantic import TypeAdapter

from service.classifier import Classifier
from service.http.schemas.ledger import LedgerStatus, RecordedRequest, RequestPage
from tests.service.conftest import METADATA, Recipe, application
from tests.service.http.transport import INFER, JSON, Send, client_for

TENSOR = {"name": "input", "shape": [1, 4], "datatype": "FP32", "data": [0, 0, 1, 0]}
TAGS = {**JSON, "X-Tags": "customer=acme, canary"}


def instances(*rows: list[int]) -> bytes:
    return json.dumps({"instances": rows}).encode()


def until_written(send: Send, rows: int) -> None:
    end = time.monotonic() + 10
    while send("GET", "/ledger").json()["written"] < rows:
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture(scope="module", params=["socket", "asgi"])
def ledger(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Send]:
    """A server that has answered four requests with five rows."""
    path = tmp_path_factory.mktemp("ledger") / "ledger.db"
    app = application(Classifier(Recipe().build()), ledger_url=f"sqlite:///{path}")
    with client_for(app, request.param) as send:
        two = instances([1, 0, 0, 0], [0, 1, 0, 0])
        assert send("POST", "/predict", two, {**TAGS, "X-Request-Id": "first"}).status == 200
        time.sleep(0.01)
        scaled = {"name": "gate_scale", "shape": [1, 2], "datatype": "FP32", "data": [0, 2]}
        body = json.dumps({"inputs": [TENSOR, scaled]}).encode()
        assert send("POST", INFER, body, {**JSON, "X-Request-Id": "second/2"}).status == 200
        time.sleep(0.01)
        for name in ("third", "fourth"):
            send("POST", "/predict", instances([1, 0, 0, 0]), {**JSON, "X-Request-Id": name})
            time.sleep(0.01)
        send("POST", "/predict", b"{}")  # fails, and is not recorded
        until_written(send, 5)
        yield send


def page(send: Send, query: str = "") -> Any:
    response = send("GET", f"/requests?{query}")
    assert response.status == 200, response.body
    return response.json()


def ids(send: Send, query: str = "") -> list[str]:
    return [f"{row['id']}:{row['row']}" for row in page(send, query)["requests"]]


def test_rows_are_sorted_newest_first_by_default(ledger: Send) -> None:
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
        ("typicality_below=0.3&label=b&sort=typicality", ["first:1"]),
    ],
)
def test_rows_are_filtered_and_sorted(ledger: Send, query: str, expected: list[str]) -> None:
    assert ids(ledger, query) == expected


def test_a_page_continues_after_the_previous_one(ledger: Send) -> None:
    first = page(ledger, "limit=3")
    second = page(ledger, f"limit=3&cursor={first['next']}")
    listed = [row["id"] for row in first["requests"] + second["requests"]]
    assert listed == ["fourth", "third", "second/2", "first", "first"]
    assert second["next"] is None


def test_a_list_shows_the_members_of_a_row(ledger: Send) -> None:
    (row,) = page(ledger, "label=b&tag=canary")["requests"]
    assert row.pop("time").endswith("Z")
    typicality = row.pop("typicality")
    assert set(typicality) == {"gates", "confidence", "combined"}
    assert row == {
        "id": "first",
        "row": 1,
        "rows": 2,
        "endpoint": "predict",
        "model_name": "tiny",
        "model_version": "1",
        "label": "b",
        "probability": pytest.approx(0.5761169),
        "tags": ["canary", "customer=acme"],
        "weight": 1.0,
    }


def test_a_request_shows_everything_that_is_recorded(ledger: Send) -> None:
    document = ledger("GET", "/requests/second/2").json()
    (row,) = document["rows"]
    assert (document["id"], row["label"], row["endpoint"]) == ("second/2", "c", "infer")
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
    assert 0 < timing["compute"] < timing["total"]


def test_a_recorded_row_equals_its_response(ledger: Send) -> None:
    response = ledger("POST", "/predict", instances([1, 0, 0, 0])).json()["predictions"][0]
    (row,) = ledger("GET", "/requests/third").json()["rows"]
    assert list(row["probabilities"].values()) == pytest.approx(response["probabilities"], abs=1e-6)
    assert list(row["gate_mean"].values()) == pytest.approx(response["gate_mean"], abs=1e-6)
    assert row["typicality"] == pytest.approx(response["typicality"], abs=1e-6)


def test_rows_are_exported_as_parquet(tmp_path: Path) -> None:
    app = application(Classifier(Recipe().build()), ledger_url=f"sqlite:///{tmp_path}/ledger.db")
    with client_for(app, "asgi") as send:
        send("POST", "/predict", instances([1, 0, 0, 0], [0, 1, 0, 0]), TAGS)
        send("POST", "/predict", instances([1, 0, 0, 0]))
        until_written(send, 3)
        response = send("GET", "/requests.parquet?tag=canary&sort=time")
    assert response.headers["content-type"] == "application/vnd.apache.parquet"
    table = pq.read_table(io.BytesIO(response.body))
    assert table.column("label").to_pylist() == ["a", "b"]


@pytest.mark.parametrize(
    ("query", "labels"),
    [
        ("", ["x"]),
        ("model=*", ["x", "a", "a"]),
        ("model=tiny", ["a", "a"]),
        ("model=tiny&version=1", ["a"]),
        ("version=2", ["a"]),
        ("id=of-2", ["a"]),
        ("label=a", []),
        ("label=a&model=*", ["a", "a"]),
        ("tag=canary", ["x"]),
        ("tag=canary&model=*", ["x", "a", "a"]),
        ("typicality_below=0.9&sort=typicality", ["x"]),
        ("typicality_below=0.9&sort=typicality&model=*", ["a", "a", "x"]),
    ],
)
def test_one_ledger_shows_the_rows_of_served_models_unless_others_are_named(
    several: Send, query: str, labels: list[str]
) -> None:
    assert [row["label"] for row in page(several, query)["requests"]] == labels
    exported = several("GET", f"/requests.parquet?{query}")
    table = pq.read_table(io.BytesIO(exported.body))
    assert table.column("label").to_pylist() == labels


def test_a_request_is_shown_whatever_model_has_answered_it(several: Send) -> None:
    for version in ("1", "2"):
        (row,) = several("GET", f"/requests/of-{version}").json()["rows"]
        assert row["model_version"] == version


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Send]:
    """A server whose ledger has a row of its model, and one of each of two that were served."""
    url = f"sqlite:///{tmp_path_factory.mktemp('several')}/ledger.db"
    models = [replace(METADATA, version=version) for version in ("1", "2")]
    models.append(replace(METADATA, name="other", labels=("x", "y", "z")))
    for model in models:
        app = application(Classifier(Recipe(metadata=model).build()), ledger_url=url)
        with client_for(app, "asgi") as send:
            name = {"X-Request-Id": f"of-{model.version}"} if model.name == "tiny" else {}
            send("POST", "/predict", instances([1, 0, 0, 0]), {**TAGS, **name})
            until_written(send, 1)
            if model is models[-1]:
                yield send


def test_a_repeated_id_hides_no_row(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    app = application(Classifier(Recipe().build()), ledger_url=url, ledger_rate=100_000)
    with client_for(app, "asgi") as send:
        headers = {**JSON, "X-Request-Id": "same"}
        for values in ([1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]):
            assert send("POST", "/predict", instances(*[values] * 500), headers).status == 200
            time.sleep(0.01)
        until_written(send, 1500)
        document = send("GET", "/requests/same").json()
        labels = [row["label"] for row in document["rows"]]
        assert (labels, document["more"]) == (["a"] * 500 + ["b"] * 500, True)
        listed, cursor = list[str](), ""
        while cursor is not None:
            found = page(send, f"id=same&sort=time&limit=1000{cursor}")
            listed += [row["label"] for row in found["requests"]]
            cursor = found["next"] and f"&cursor={found['next']}"
    assert listed == ["a"] * 500 + ["b"] * 500 + ["c"] * 500


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/requests?limit=0", "limit: Input should be greater than or equal to 1"),
        (
            "/requests?since=2026-01-02&until=2026-01-01",
            "until: expected a time after since",
        ),
        (
            "/requests?tag=x'%20OR%201=1",
            "tag: String should match pattern '^[A-Za-z0-9._:=/@-]{1,64}$'",
        ),
        (
            "/requests.parquet?limit=5",
            "query: expected the parameters that GET /openapi.json lists",
        ),
        (
            "/requests?SECRET=1",
            "query: expected the parameters that GET /openapi.json lists",
        ),
        ("/requests?tag=a&tag=b", "tag: expected one value, found 2"),
        ("/requests.parquet?label=7&label=7", "label: expected one value, found 2"),
        (
            "/requests?since=2026-01-01T00:00:00+02:00",
            "since: expected a time such as 2026-01-31T12:00:00Z; a + must be written as %2B",
        ),
        ("/requests?cursor=SECRET", "cursor: expected the `next` of an earlier page"),
    ],
)
def test_an_invalid_query_is_one_sentence(ledger: Send, path: str, message: str) -> None:
    response = ledger("GET", path)
    assert (response.status, response.error) == (400, message)


@pytest.mark.parametrize("name", ["unknown", "x'%20OR%20'1'='1", "first/predict", "%00"])
def test_an_unknown_request_is_404(ledger: Send, name: str) -> None:
    response = ledger("GET", f"/requests/{name}")
    assert response.status == 404
    assert response.error.startswith("id: the ledger has no such request")


@pytest.mark.parametrize("path", ["/predict", INFER])
def test_a_malformed_tag_is_refused_by_every_endpoint(ledger: Send, path: str) -> None:
    headers = {**JSON, "X-Tags": "'); DROP TABLE ledger_requests; --"}
    response = ledger("POST", path, instances([1, 0, 0, 0]), headers)
    assert (response.status, response.error) == (
        400,
        "X-Tags: expected comma-separated tags, each of 1 to 64 letters, digits or . _ : = / @ -",
    )


def test_the_status_has_counts_and_settings(ledger: Send) -> None:
    status = ledger("GET", "/ledger").json()
    assert (status.pop("database"), status.pop("url")) == ("sqlite", None)  # for admin only
    assert status.pop("written") >= 5
    status.pop("waiting")
    assert status == {
        "state": "writing",
        "last_error": None,
        "sampled_out": 0,
        "lost": 0,
        "rate": 100.0,
        "atypical": 0.01,
        "inputs": {"stored": "atypical", "bytes": 0, "max_bytes": 256 * 2**20, "days": 30.0},
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
def test_a_response_conforms_to_its_schema(ledger: Send, path: str, schema: Any) -> None:
    response = ledger("GET", path)
    adapter = TypeAdapter[Any](schema)
    read = adapter.validate_json(response.body, strict=True)
    assert adapter.dump_python(read, mode="json") == response.json()


@pytest.fixture
def without(transport: str) -> Iterator[Send]:
    with client_for(application(Classifier(Recipe().build()), ledger_url="off"), transport) as send:
        yield send


@pytest.mark.parametrize("path", ["/requests", "/requests/x", "/requests.parquet"])
def test_without_a_ledger_its_endpoints_are_404(without: Send, path: str) -> None:
    response = without("GET", path)
    assert (response.status, response.error) == (
        404,
        "the ledger is off; set HIGHWAY_LEDGER_URL to turn it on",
    )


def test_the_status_of_a_ledger_that_is_off(without: Send) -> None:
    status = without("GET", "/ledger").json()
    assert (status["state"], status["url"], status["written"]) == ("off", None, 0)
    TypeAdapter(LedgerStatus).validate_python(status, strict=True)


@pytest.mark.parametrize("path", ["/requests", "/requests/x", "/requests.parquet"])
def test_an_unavailable_database_is_503(tmp_path: Path, transport: str, path: str) -> None:
    app = application(Classifier(Recipe().build()), ledger_url=f"sqlite:///{tmp_path}/no/x.db")
    with client_for(app, transport) as send:
        response = send("GET", path)
        assert (response.status, response.error) == (
            503,
            "the ledger's database is unavailable: unable to open database file; predictions are "
            "not affected",
        )
