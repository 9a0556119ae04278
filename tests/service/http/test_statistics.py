import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.classifier import Classifier
from tests.service.conftest import METADATA, Recipe, application
from tests.service.http.transport import INFER, ROW, Send, client_for

THREE_ROWS = b'{"instances": [[1, 0, 0, 0], [0, 5, 0, 0], [0, 8, 0, 0]]}'


@pytest.fixture
def own(classifier: Classifier, transport: str) -> Iterator[Send]:
    """Connect to an application that has served no requests; a batch has at most two rows."""
    with client_for(application(classifier, max_batch_rows=2), transport) as send:
        yield send


def statistics(send: Send) -> dict[str, Any]:
    (one,) = send("GET", "/v2/models/tiny/stats").json()["model_stats"]
    stats: dict[str, Any] = one
    return stats


def test_before_the_first_request_every_counter_is_zero(own: Send) -> None:
    stats = statistics(own)
    nothing = {"count": 0, "ns": 0}
    assert stats == {
        "name": "tiny",
        "version": "1",
        "last_inference": 0,
        "inference_count": 0,
        "execution_count": 0,
        "inference_stats": {
            **{"success": nothing, "fail": nothing, "queue": nothing, "compute_input": nothing},
            **{"compute_infer": nothing, "compute_output": nothing},
            **{"cache_hit": nothing, "cache_miss": nothing},
        },
        "response_stats": {},
        "batch_stats": [],
        "memory_usage": [],
    }


def test_counts_equal_what_was_sent(own: Send) -> None:
    own("POST", "/predict", ROW)
    own("POST", "/predict", THREE_ROWS)  # in two batches
    own("POST", INFER, b"{}")
    stats = statistics(own)
    assert (stats["inference_count"], stats["execution_count"]) == (4, 3)
    counts = {phase: duration["count"] for phase, duration in stats["inference_stats"].items()}
    assert counts == {
        **{"success": 2, "fail": 1, "queue": 2, "compute_input": 2, "compute_infer": 2},
        **{"compute_output": 2, "cache_hit": 0, "cache_miss": 0},
    }
    batches = {b["batch_size"]: b["compute_infer"]["count"] for b in stats["batch_stats"]}
    assert batches == {1: 2, 2: 1}
    assert abs(time.time() * 1000 - stats["last_inference"]) < 10_000


def test_a_requests_phases_take_no_longer_than_the_request(own: Send) -> None:
    for _ in range(5):
        own("POST", "/predict", THREE_ROWS)
    stats = statistics(own)["inference_stats"]
    phases = ("queue", "compute_input", "compute_infer", "compute_output")
    assert all(stats[phase]["ns"] > 0 for phase in phases)
    assert sum(stats[phase]["ns"] for phase in phases) <= stats["success"]["ns"]


def test_every_path_returns_the_same_statistics(own: Send) -> None:
    own("POST", "/predict", ROW)
    responses = [
        own("GET", f"/v2/models/{path}stats").json() for path in ("", "tiny/", "tiny/versions/1/")
    ]
    assert responses[0] == responses[1] == responses[2]


def test_each_model_has_its_own_counters(classifier: Classifier) -> None:
    other = Classifier(Recipe(metadata=replace(METADATA, name="other")).build())
    with TestClient(application(classifier, other)) as client:
        client.post("/v1/models/other:predict", json={"instances": [[1, 0, 0, 0]]})
        every = client.get("/v2/models/stats").json()["model_stats"]
        assert [(one["name"], one["inference_count"]) for one in every] == [
            *(("other", 1), ("tiny", 0))
        ]
