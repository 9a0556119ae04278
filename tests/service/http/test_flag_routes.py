import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from service.classifier import Classifier
from service.http import flag_routes
from service.ledger import observer
from tests.service.conftest import Recipe, application
from tests.service.http.test_ledger_routes import instances, until_written
from tests.service.http.transport import JSON, Send, client_for

PATH = "/requests/kept/1/flag"


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observer, "INTERVAL_SECONDS", 0.05)
    monkeypatch.setattr(flag_routes, "WRITTEN_SECONDS", 0.01)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/ledger.db"


@contextmanager
def recording(url: str, transport: str) -> Iterator[Send]:
    """A server that has answered the request "kept/1" of two rows."""
    app = application(Classifier(Recipe().build()), ledger_url=url)
    with client_for(app, transport) as send:
        headers = {**JSON, "X-Request-Id": "kept/1", "X-Tags": "canary"}
        rows = instances([1, 0, 0, 0], [0, 1, 0, 0])
        assert send("POST", "/predict", rows, headers).status == 200
        until_written(send, 2)
        yield send


@pytest.fixture
def ledger(url: str, transport: str) -> Iterator[Send]:
    """A server for a test that changes tags or records a row."""
    with recording(url, transport) as send:
        yield send


@pytest.fixture(scope="module", params=["socket", "asgi"])
def unchanged(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Send]:
    """A server for all tests whose requests are rejected."""
    path = tmp_path_factory.mktemp("flags") / "ledger.db"
    with recording(f"sqlite:///{path}", request.param) as send:
        yield send


def test_a_row_is_flagged_found_and_no_longer_flagged(ledger: Send) -> None:
    recorded = ledger("GET", "/requests/kept/1").json()["rows"][1]
    flagged = ledger("POST", PATH, b'{"row": 1}').json()
    tags = ["canary", "flagged"]
    assert flagged == {"id": "kept/1", "row": 1, "time": recorded["time"], "tags": tags}
    assert ledger("POST", PATH, b'{"row": 1}').json() == flagged
    (found,) = ledger("GET", "/requests?tag=flagged").json()["requests"]
    assert (found["id"], found["row"], found["tags"]) == ("kept/1", 1, tags)
    assert ledger("DELETE", f"{PATH}?row=1").json()["tags"] == ["canary"]
    assert ledger("GET", "/requests?tag=flagged").json()["requests"] == []


def test_a_flag_may_be_any_tag_and_is_of_the_first_row_by_default(ledger: Send) -> None:
    assert ledger("POST", PATH).json()["row"] == 0
    body = b'{"row": null, "time": null, "tag": "complaint:4711"}'
    assert ledger("POST", PATH, body).json()["tags"] == ["canary", "complaint:4711", "flagged"]
    removed = ledger("DELETE", f"{PATH}?tag=complaint:4711").json()
    assert removed["tags"] == ["canary", "flagged"]


def test_a_time_chooses_among_requests_of_the_same_id(ledger: Send) -> None:
    ledger("POST", "/predict", instances([0, 0, 1, 0]), {**JSON, "X-Request-Id": "kept/1"})
    until_written(ledger, 3)
    later = ledger("GET", "/requests/kept/1").json()["rows"][2]
    body = json.dumps({"time": later["time"]}).encode()
    assert ledger("POST", PATH, body).json()["tags"] == ["flagged"]
    assert ledger("GET", "/requests/kept/1").json()["rows"][0]["tags"] == ["canary"]
    assert ledger("DELETE", f"{PATH}?time={later['time']}").json()["tags"] == []


def test_a_row_may_be_flagged_right_after_its_response(
    ledger: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observer, "INTERVAL_SECONDS", 0.2)  # later than the first attempt
    monkeypatch.setattr(flag_routes, "WRITTEN_SECONDS", 1)
    ledger("POST", "/predict", instances([1, 0, 0, 0]), {**JSON, "X-Request-Id": "new"})
    response = ledger("POST", "/requests/new/flag")
    assert (response.status, response.json()["tags"]) == (200, ["flagged"])


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b'{"row": 2}', 404, "row: the ledger has no such row of this request"),
        (b'{"row": -1}', 400, "parameter 'row': expected an integer of at least 0, found"),
        (b'{"time": 5}', 400, "parameter 'time': expected the `time` of a recorded row"),
        (
            b'{"tag": "a b"}',
            400,
            "parameter 'tag': expected a string of 1 to 64 letters, digits or . _ : = / @ -, found "
            "another",
        ),
        (b'{"tag": 5}', 400, "parameter 'tag': expected a string of 1 to 64 letters"),
        (b'{"tag": ""}', 400, "parameter 'tag': expected a string of 1 to 64 letters"),
        (b"[]", 400, "body: expected a JSON object, found a list"),
    ],
)
def test_an_invalid_flag_is_rejected_with_one_sentence(
    unchanged: Send, body: bytes, status: int, message: str
) -> None:
    response = unchanged("POST", PATH, body)
    assert response.status == status
    assert response.error.startswith(message)


@pytest.mark.parametrize(
    "query", ["row=-1", "row=x", "time=x", "tag=%27", "other=1", "tag=a&tag=b"]
)
def test_an_invalid_removal_is_400(unchanged: Send, query: str) -> None:
    response = unchanged("DELETE", f"{PATH}?{query}")
    assert response.status == 400
    assert response.error


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_an_unknown_request_is_404(unchanged: Send, method: str) -> None:
    response = unchanged(method, "/requests/unknown/flag")
    assert response.status == 404
    assert response.error.startswith("id: the ledger has no such request")


def test_a_tag_too_many_is_400(ledger: Send) -> None:
    for number in range(15):
        assert ledger("POST", PATH, b'{"tag": "t%d"}' % number).status == 200
    response = ledger("POST", PATH)
    assert (response.status, response.error) == (
        400,
        "tag: expected at most 16 tags of a row, found 16 others; remove one of them",
    )


def test_an_unavailable_database_is_503(tmp_path: Path, transport: str) -> None:
    app = application(Classifier(Recipe().build()), ledger_url=f"sqlite:///{tmp_path}/no/x.db")
    with client_for(app, transport) as send:
        for method in ("POST", "DELETE"):
            response = send(method, "/requests/x/flag")
            assert (response.status, response.error) == (
                503,
                "the ledger's database is unavailable: unable to open database file; predictions "
                "are not affected",
            )


def test_without_a_ledger_it_is_404(transport: str) -> None:
    with client_for(application(Classifier(Recipe().build()), ledger_url="off"), transport) as send:
        for method in ("POST", "DELETE"):
            response = send(method, "/requests/x/flag")
            assert (response.status, response.error) == (
                404,
                "the ledger is off; set HIGHWAY_LEDGER_URL to turn it on",
            )
