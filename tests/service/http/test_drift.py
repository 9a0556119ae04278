import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from service.app import create_app
from service.classifier import Classifier
from service.drift.monitor import FALSE_ALARMS, RULE
from service.inference.models import Models
from service.settings import Settings
from tests.service.conftest import METADATA, Recipe, application, served
from tests.service.drift.conftest import even, metadata, rows
from tests.service.http.transport import Send, client_for

ONE_ROW = b'{"instances": [[1, 0, 0, 0]]}'


@pytest.fixture
def models() -> Models:
    """A model with held-out rows, and one without."""
    with_rows = Classifier(Recipe(metadata=metadata()).build())
    without = Classifier(Recipe(metadata=replace(METADATA, name="without")).build())
    return served(with_rows, without)


@pytest.fixture
def send(models: Models, transport: str) -> Iterator[Send]:
    with client_for(create_app(models, Settings()), transport) as send:
        yield send


def add(models: Models, *added: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    """Add rows to the model's counters of an hour ago."""
    drift_monitor = models.default.drift_monitor
    assert drift_monitor is not None
    for batch in added:
        drift_monitor.add(time.time() - 3700, *batch)


def drift(send: Send) -> Any:
    response = send("GET", "/drift")
    assert response.status == 200
    return response.json()


def day(send: Send) -> Any:
    """Return the first model's window of a day."""
    windows = {window["window"]: window for window in drift(send)["models"][0]["windows"]}
    return windows["1d"]


def test_the_rule_and_its_false_alarms_are_stated(send: Send) -> None:
    response = drift(send)
    assert response["rule"] == RULE
    assert response["false_alarms"] == FALSE_ALARMS


def test_the_response_opens_with_the_models_in_words(send: Send, models: Models) -> None:
    add(models, even(0, 20), even(1, 10))
    response = drift(send)
    assert next(iter(response)) == "summary"
    assert response["summary"] == (
        "tiny version 1 does not drift: in the last day, 0.91 % of 330 rows were as unusual as the "
        "most unusual 1 % of held-out rows; layers and labels are as among held-out rows. "
        "without version 1 cannot be tested: its file has no held-out rows; export it again."
    )
    assert response["summary"].startswith(response["models"][0]["summary"])


def test_a_model_without_held_out_rows_has_no_windows(send: Send) -> None:
    with_rows, without = drift(send)["models"]
    assert without == {
        "summary": "without version 1 cannot be tested: its file has no held-out rows; export it "
        "again.",
        **{"name": "without", "version": "1", "held_out": None, "drifting": False},
        "windows": [],
    }
    assert with_rows["held_out"] == {"rows": 330, "part": "validation"}


def test_windows_without_rows_are_not_tested(send: Send) -> None:
    windows = drift(send)["models"][0]["windows"]
    assert [window["window"] for window in windows] == ["5m", "1h", "1d"]
    for window in windows:
        assert (window["rows"], window["drifting"]) == (0, False)
        assert [layer["p_value"] for layer in window["layers"]] == [None, None]
        assert window["labels"]["p_value"] is None
        assert [share["share"] for share in window["atypical"]] == [None, None]
        assert [label["share"] for label in window["classes"]] == [None] * 3


def test_a_window_has_its_begin_and_end(send: Send) -> None:
    now = time.time()
    for window, seconds in zip(
        drift(send)["models"][0]["windows"], (300, 3600, 86400), strict=True
    ):
        begin, end = (
            time.mktime(time.strptime(window[name], "%Y-%m-%dT%H:%M:%SZ")) - time.timezone
            for name in ("begin", "end")
        )
        assert end - begin == seconds
        assert 0 <= now - end <= window["slides_seconds"] + 2


def test_traffic_like_the_held_out_rows_does_not_drift(send: Send, models: Models) -> None:
    add(models, even(0, 20), even(1, 10))
    window = day(send)
    assert (window["rows"], window["drifting"]) == (330, False)
    assert window["threshold"] == pytest.approx(0.01 / 3 / 168 / 5)
    assert window["layers"] == [
        {"name": "highway 1", "number": 1, "psi": 0, "p_value": 1, "drifting": False},
        {"name": "highway 2", "number": 2, "psi": 0, "p_value": 1, "drifting": False},
    ]
    assert window["labels"] == {"psi": 0, "p_value": pytest.approx(1), "drifting": False}
    assert window["atypical"][1]["expected_share"] == 0.1
    assert window["atypical"][1]["share"] == pytest.approx(0.1, abs=0.01)
    assert window["classes"][0] == {
        **{"label": "a", "rows": 220, "share": pytest.approx(2 / 3)},
        **{"expected_share": pytest.approx(2 / 3), "psi": [0, 0]},
    }
    assert window["classes"][2]["expected_share"] == 0


def test_a_window_with_changed_rows_drifts(send: Send, models: Models) -> None:
    label, gates, atypical = even(0, 30)
    gates[:, 1] = 0.99
    atypical[:] = 0.05
    add(models, (label, gates, atypical))
    window = day(send)
    assert window["drifting"]
    assert [layer["drifting"] for layer in window["layers"]] == [False, True]
    assert window["labels"]["drifting"]
    assert [share["drifting"] for share in window["atypical"]] == [False, True]
    assert window["atypical"][1]["share"] == 1
    assert drift(send)["models"][0]["drifting"]


def test_requests_are_counted_and_what_if_requests_are_not(models: Models) -> None:
    scaled = b'{"instances": [[1, 0, 0, 0]], "gate_scale": [0, 1]}'
    drift_monitor = models.default.drift_monitor
    assert drift_monitor is not None
    with TestClient(create_app(models, Settings())) as client:
        for body in (ONE_ROW, scaled, ONE_ROW):
            response = client.post(
                "/predict", content=body, headers={"Content-Type": "application/json"}
            )
            assert response.status_code == 200
        assert 'highway_predictions_total{class="a",model="tiny"' in client.get("/metrics").text
    soon = drift_monitor.decisions(time.time() + 310)[1]
    assert soon.counts.labels.tolist() == [2, 0, 0]


# The metrics.


def samples(app: FastAPI) -> dict[tuple[str, ...], float]:
    with TestClient(app) as client:
        families = text_string_to_metric_families(client.get("/metrics").text)
    names = ("window", "layer", "expected")
    return {
        (sample.name, *(sample.labels[name] for name in names if name in sample.labels)): (
            sample.value
        )
        for family in families
        for sample in family.samples
        if "window" in sample.labels
    }


def test_the_metrics_have_the_same_values(models: Models) -> None:
    add(models, even(0, 20), even(1, 10))
    values = samples(create_app(models, Settings()))
    assert values["highway_window_rows", "1d"] == 330
    assert values["highway_drifting", "1d"] == 0
    assert values["highway_drift_threshold", "1d"] == pytest.approx(0.01 / 3 / 168 / 5)
    assert values["highway_drift_psi", "1d", "2"] == 0
    assert values["highway_drift_p_value", "1d", "1"] == 1
    assert values["highway_label_drift_psi", "1d"] == 0
    assert values["highway_label_drift_p_value", "1d"] == pytest.approx(1)
    assert values["highway_atypical_share", "1d", "0.1"] == pytest.approx(0.1, abs=0.01)
    assert values["highway_atypical_p_value", "1d", "0.01"] == 1


def test_the_metric_of_a_window_that_drifts_is_1(models: Models) -> None:
    add(models, rows(2, 200, 0.99))
    assert samples(create_app(models, Settings()))["highway_drifting", "1d"] == 1


def test_a_window_that_is_not_tested_has_no_p_values(models: Models) -> None:
    add(models, rows(0, 100))
    values = samples(create_app(models, Settings()))
    assert values["highway_window_rows", "5m"] == 0
    assert ("highway_atypical_share", "5m", "0.01") not in values
    assert ("highway_drift_psi", "1d", "1") in values
    assert not any("p_value" in name for name, *_ in values)


def test_a_model_without_held_out_rows_has_no_sample(classifier: Classifier) -> None:
    assert samples(application(classifier)) == {}
