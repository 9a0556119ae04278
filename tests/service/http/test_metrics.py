import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from service.classifier import Classifier
from tests.service.conftest import Recipe, application
from tests.service.drift.conftest import metadata
from tests.service.http.test_ledger_routes import instances, until_written
from tests.service.http.transport import INFER, JSON, ROW, Send, client_for

THREE_ROWS = b'{"instances": [[1, 0, 0, 0], [0, 5, 0, 0], [0, 8, 0, 0]]}'
GOOD_TENSOR = (
    b'{"inputs": [{"name": "input", "shape": [1, 4], "datatype": "FP32", "data": [0, 0, 5, 0]}]}'
)
DRIFT = (
    *("highway_drifting", "highway_drift_threshold", "highway_window_rows"),
    *("highway_drift_psi", "highway_drift_p_value", "highway_atypical_share"),
    *("highway_atypical_p_value", "highway_label_drift_psi", "highway_label_drift_p_value"),
)


@pytest.fixture
def own(classifier: Classifier, transport: str) -> Iterator[Send]:
    """Connect to an application that has served no requests."""
    with client_for(application(classifier, max_body_bytes=2000), transport) as send:
        yield send


def samples(send: Send) -> list[Sample]:
    response = send("GET", "/metrics")
    assert response.status == 200
    assert response.headers["content-type"].startswith("text/plain")
    families = text_string_to_metric_families(response.body.decode())
    return [sample for family in families for sample in family.samples]


def value(all_samples: list[Sample], name: str, **labels: str) -> float:
    (one,) = [s.value for s in all_samples if s.name == name and labels.items() <= s.labels.items()]
    return one


def test_every_metric_has_its_name(own: Send) -> None:
    text = own("GET", "/metrics").body.decode()
    families = list(text_string_to_metric_families(text))
    assert {(f.name, f.type) for f in families if f.name.startswith("highway")} == {
        ("highway_model_info", "gauge"),
        ("highway_inference_requests", "counter"),
        ("highway_rejected", "counter"),
        ("highway_inference_rows", "counter"),
        ("highway_inference_exec", "counter"),
        ("highway_pending_requests", "gauge"),
        ("highway_queue_wait_seconds", "gauge"),
        ("highway_waiting_clients", "gauge"),
        ("highway_request_seconds", "histogram"),
        ("highway_queue_seconds", "histogram"),
        ("highway_compute_seconds", "histogram"),
        ("highway_predictions", "counter"),
        ("highway_atypical_rows", "counter"),
        ("highway_gate_mean", "histogram"),
        ("highway_gate_usual_lower", "gauge"),
        ("highway_gate_usual_upper", "gauge"),
        ("highway_worker_deaths", "counter"),
        ("highway_model_reload", "counter"),
        *((name, "gauge") for name in DRIFT),
    }
    assert all(f.documentation for f in families)
    names = {sample.name for family in families for sample in family.samples}
    assert {
        *("highway_inference_requests_total", "highway_inference_rows_total"),
        *("highway_inference_exec_total", "highway_rejected_total", "highway_predictions_total"),
        *("process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds"),
    } <= names


def test_the_model_metric_has_the_artifacts_digest(own: Send, classifier: Classifier) -> None:
    digest = str(classifier.metadata.verification["digest"])
    all_samples = samples(own)
    assert value(all_samples, "highway_model_info", model="tiny", version="1", sha256=digest) == 1


def test_before_the_first_request_every_sample_is_zero(own: Send) -> None:
    all_samples = [s for s in samples(own) if s.name.startswith("highway")]
    assert {s.value for s in all_samples if s.name != "highway_model_info"} == {0}
    reasons = {s.labels["reason"] for s in all_samples if s.name == "highway_rejected_total"}
    assert reasons == {
        *("bad_request", "too_large", "media_type", "deadline", "queue_full", "not_ready"),
        *("client_disconnected", "internal_error"),
    }


def test_counts_equal_what_was_sent(own: Send) -> None:
    for _ in range(3):
        own("POST", "/predict", THREE_ROWS)
    own("POST", "/v1/models/tiny:predict", ROW)
    own("POST", INFER, GOOD_TENSOR)
    own("POST", INFER, b"{}")
    own("POST", "/predict", b" " * 2001)
    own("POST", "/predict", ROW, {"Content-Type": "text/plain"})
    own("POST", "/predict", ROW, {**JSON, "X-Deadline-Ms": "0"})
    own("POST", "/v2/models/unknown/infer", b"{}")  # counted for no model
    all_samples = samples(own)
    assert value(all_samples, "highway_inference_requests_total", outcome="success") == 5
    assert value(all_samples, "highway_inference_requests_total", outcome="fail") == 4
    assert value(all_samples, "highway_rejected_total", reason="bad_request") == 2
    assert value(all_samples, "highway_rejected_total", reason="too_large") == 1
    assert value(all_samples, "highway_rejected_total", reason="media_type") == 1
    assert value(all_samples, "highway_inference_rows_total") == 11
    assert value(all_samples, "highway_inference_exec_total") == 5
    assert value(all_samples, "highway_pending_requests") == 0
    labels = {
        label: value(all_samples, "highway_predictions_total", **{"class": label})
        for label in "abc"
    }
    assert labels == {"a": 4, "b": 6, "c": 1}
    assert (
        value(all_samples, "highway_atypical_rows_total") == 6
    )  # the rows of b: typicality is .007, .0003


@pytest.mark.parametrize("name", ["request", "queue", "compute"])
def test_a_histogram_counts_every_request_once(own: Send, name: str) -> None:
    for _ in range(4):
        own("POST", "/predict", THREE_ROWS)
    all_samples = samples(own)
    buckets = [s for s in all_samples if s.name == f"highway_{name}_seconds_bucket"]
    counts = [s.value for s in buckets]
    assert counts == sorted(counts)
    assert buckets[0].labels["le"] == "5e-05"
    assert (buckets[-1].labels["le"], counts[-1]) == ("+Inf", 4)
    assert value(all_samples, f"highway_{name}_seconds_count") == 4
    assert 0 < value(all_samples, f"highway_{name}_seconds_sum") < 20


def test_mean_gates_are_counted_by_layer_and_bucket(own: Send) -> None:
    own("POST", "/predict", ROW)  # gates .6155 and .5
    all_samples = samples(own)
    assert value(all_samples, "highway_gate_mean_bucket", layer="1", le="0.6") == 0
    assert value(all_samples, "highway_gate_mean_bucket", layer="1", le="0.7") == 1
    assert value(all_samples, "highway_gate_mean_bucket", layer="2", le="0.4") == 0
    assert value(all_samples, "highway_gate_mean_bucket", layer="2", le="0.5") == 1
    assert value(all_samples, "highway_gate_mean_bucket", layer="2", le="+Inf") == 1
    assert value(all_samples, "highway_gate_mean_sum", layer="1") == pytest.approx(
        0.615529, abs=1e-6
    )
    assert value(all_samples, "highway_gate_mean_count", layer="2") == 1


def test_usual_gates_are_those_of_held_out_rows_averaged_over_their_labels(transport: str) -> None:
    # 220 rows of the first label, 110 of the second, none of the third.
    usual = [[[0.3, 0.6], [0, 1]], [[0.6, 0.9], [0, 1]], [[0, 1], [0, 1]]]
    model = Classifier(Recipe(metadata=metadata(usual=usual)).build())
    with client_for(application(model), transport) as send:
        all_samples = samples(send)
    assert value(all_samples, "highway_gate_usual_lower", layer="1") == pytest.approx(0.4)
    assert value(all_samples, "highway_gate_usual_upper", layer="1") == pytest.approx(0.7)
    assert value(all_samples, "highway_gate_usual_lower", layer="2") == 0
    assert value(all_samples, "highway_gate_usual_upper", layer="2") == 1


def test_a_model_without_held_out_rows_has_no_usual_gates(own: Send) -> None:
    assert not [s for s in samples(own) if s.name.startswith("highway_gate_usual")]


# The ledger.


def test_rows_are_counted_by_their_outcome_in_the_ledger(
    classifier: Classifier, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    with client_for(application(classifier, ledger_url=url, ledger_rate=1), "asgi") as send:
        send("POST", "/predict", instances(*[[1, 0, 0, 0]] * 7))
        until_written(send, 1)
        lines = send("GET", "/metrics").body.decode().splitlines()
    assert {line for line in lines if re.match("highway_ledger", line)} == {
        'highway_ledger_rows_total{outcome="written"} 1.0',
        'highway_ledger_rows_total{outcome="sampled_out"} 6.0',
        'highway_ledger_rows_total{outcome="lost"} 0.0',
        "highway_ledger_waiting_rows 0.0",
        "highway_ledger_writing 1.0",
    }


def test_a_server_without_a_ledger_has_no_ledger_metrics(classifier: Classifier) -> None:
    with client_for(application(classifier, ledger_url="off"), "asgi") as send:
        assert b"highway_ledger" not in send("GET", "/metrics").body
