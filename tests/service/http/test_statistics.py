import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.classifier import Classifier
from tests.service.conftest import METADATA, Recipe, application
from tests.service.http.talk import INFER, ROW, Ask, way_to

THREE_ROWS = b'{"instances": [[1, 0, 0, 0], [0, 5, 0, 0], [0, 8, 0, 0]]}'


@pytest.fixture
def own(classifier: Classifier, way: str) -> Iterator[Ask]:
    """A way to an application that nobody else has asked; two rows run together."""
    with way_to(application(classifier, run_rows=2), way) as ask:
        yield ask


def statistics(ask: Ask) -> dict[str, Any]:
    (one,) = ask("GET", "/v2/models/tiny/stats").json()["model_stats"]
    found: dict[str, Any] = one
    return found


def test_before_the_first_request_all_is_zero(own: Ask) -> None:
    found = statistics(own)
    nothing = {"count": 0, "ns": 0}
    assert found == {
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


def test_counts_equal_what_was_sent(own: Ask) -> None:
    own("POST", "/predict", ROW)
    own("POST", "/predict", THREE_ROWS)  # in two runs
    own("POST", INFER, b"{}")
    found = statistics(own)
    assert (found["inference_count"], found["execution_count"]) == (4, 3)
    counts = {phase: duration["count"] for phase, duration in found["inference_stats"].items()}
    assert counts == {
        **{"success": 2, "fail": 1, "queue": 2, "compute_input": 2, "compute_infer": 2},
        **{"compute_output": 2, "cache_hit": 0, "cache_miss": 0},
    }
    batches = {b["batch_size"]: b["compute_infer"]["count"] for b in found["batch_stats"]}
    assert batches == {1: 2, 2: 1}
    assert abs(time.time() * 1000 - found["last_inference"]) < 10_000


def test_a_requests_phases_take_no_longer_than_the_request(own: Ask) -> None:
    for _ in range(5):
        own("POST", "/predict", THREE_ROWS)
    stats = statistics(own)["inference_stats"]
    phases = ("queue", "compute_input", "compute_infer", "compute_output")
    assert all(stats[phase]["ns"] > 0 for phase in phases)
    assert sum(stats[phase]["ns"] for phase in phases) <= stats["success"]["ns"]


def test_every_path_tells_the_same(own: Ask) -> None:
    own("POST", "/predict", ROW)
    answers = [
        own("GET", f"/v2/models/{path}stats").json() for path in ("", "tiny/", "tiny/versions/1/")
    ]
    assert answers[0] == answers[1] == answers[2]


def test_each_model_counts_for_itself(classifier: Classifier) -> None:
    other = Classifier(Recipe(metadata=replace(METADATA, name="other")).build())
    with TestClient(application(classifier, other)) as client:
        client.post("/v1/models/other:predict", json={"instances": [[1, 0, 0, 0]]})
        every = client.get("/v2/models/stats").json()["model_stats"]
        assert [(one["name"], one["inference_count"]) for one in every] == [
            *(("tiny", 0), ("other", 1))
        ]
