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
from service.drift.verdict import FALSE_ALARMS, RULE
from service.inference.models import Models
from service.settings import Settings
from tests.service.conftest import METADATA, Recipe, application, served
from tests.service.drift.conftest import even, metadata, rows
from tests.service.http.talk import Ask, way_to

ONE_ROW = b'{"instances": [[1, 0, 0, 0]]}'


def watched() -> Classifier:
    return Classifier(Recipe(metadata=metadata()).build())


@pytest.fixture
def models() -> Models:
    """A model that is watched, and one whose artifact tells no held-out rows."""
    other = Classifier(Recipe(metadata=replace(METADATA, name="untold")).build())
    return served(watched(), other)


@pytest.fixture
def ask(models: Models, way: str) -> Iterator[Ask]:
    with way_to(create_app(models, Settings()), way) as ask:
        yield ask


def add(models: Models, *added: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    """Let the model have answered these rows an hour ago."""
    watch = models.default.watch
    assert watch is not None
    for each in added:
        watch.add(time.time() - 3700, *each)


def drift(ask: Ask) -> Any:
    answer = ask("GET", "/drift")
    assert answer.status == 200
    return answer.json()


def day(ask: Ask) -> Any:
    """Return the first model's day."""
    (window,) = [each for each in drift(ask)["models"][0]["windows"] if each["window"] == "1d"]
    return window


def test_the_rule_and_its_false_alarms_are_told(ask: Ask) -> None:
    found = drift(ask)
    assert found["rule"] == RULE
    assert found["false_alarms"] == FALSE_ALARMS


def test_a_model_without_held_out_rows_says_so(ask: Ask) -> None:
    told, untold = drift(ask)["models"]
    assert untold == {
        **{"name": "untold", "version": "1", "held_out": None, "drifting": False},
        "windows": [],
    }
    assert told["held_out"] == {"rows": 330, "part": "validation"}


def test_before_the_first_row_nothing_is_judged(ask: Ask) -> None:
    windows = drift(ask)["models"][0]["windows"]
    assert [each["window"] for each in windows] == ["5m", "1h", "1d"]
    for window in windows:
        assert (window["rows"], window["drifting"]) == (0, False)
        assert [layer["p_value"] for layer in window["layers"]] == [None, None]
        assert window["labels"]["p_value"] is None
        assert [each["share"] for each in window["unusual"]] == [None, None]
        assert [each["share"] for each in window["classes"]] == [None] * 3


def test_a_window_says_from_when_to_when_it_is(ask: Ask) -> None:
    now = time.time()
    for window, seconds in zip(drift(ask)["models"][0]["windows"], (300, 3600, 86400), strict=True):
        begin, end = (
            time.mktime(time.strptime(window[each], "%Y-%m-%dT%H:%M:%SZ")) - time.timezone
            for each in ("begin", "end")
        )
        assert end - begin == seconds
        assert 0 <= now - end <= window["slides_seconds"] + 2


def test_traffic_like_the_held_out_rows_does_not_drift(ask: Ask, models: Models) -> None:
    add(models, even(0, 20), even(1, 10))
    window = day(ask)
    assert (window["rows"], window["drifting"]) == (330, False)
    assert window["threshold"] == pytest.approx(0.01 / 3 / 168 / 5)
    assert window["layers"] == [
        {"name": "highway 1", "number": 1, "psi": 0, "p_value": 1, "drifting": False},
        {"name": "highway 2", "number": 2, "psi": 0, "p_value": 1, "drifting": False},
    ]
    assert window["labels"] == {"psi": 0, "p_value": pytest.approx(1), "drifting": False}
    assert window["unusual"][1]["expected_share"] == 0.1
    assert window["unusual"][1]["share"] == pytest.approx(0.1, abs=0.01)
    assert window["classes"][0] == {
        **{"label": "a", "rows": 220, "share": pytest.approx(2 / 3)},
        **{"expected_share": pytest.approx(2 / 3), "psi": [0, 0]},
    }
    assert window["classes"][2]["expected_share"] == 0


def test_what_drifts_is_told(ask: Ask, models: Models) -> None:
    label, gates, unusual = even(0, 30)
    gates[:, 1] = 0.99
    unusual[:] = 0.05
    add(models, (label, gates, unusual))
    window = day(ask)
    assert window["drifting"]
    assert [layer["drifting"] for layer in window["layers"]] == [False, True]
    assert window["labels"]["drifting"]
    assert [each["drifting"] for each in window["unusual"]] == [False, True]
    assert window["unusual"][1]["share"] == 1
    assert drift(ask)["models"][0]["drifting"]


def test_requests_come_into_the_windows_and_what_ifs_do_not(models: Models) -> None:
    scaled = b'{"instances": [[1, 0, 0, 0]], "gate_scale": [0, 1]}'
    watch = models.default.watch
    assert watch is not None
    with TestClient(create_app(models, Settings())) as client:
        for body in (ONE_ROW, scaled, ONE_ROW):
            answer = client.post(
                "/predict", content=body, headers={"Content-Type": "application/json"}
            )
            assert answer.status_code == 200
        assert 'highway_predictions_total{class="a",model="tiny"' in client.get("/metrics").text
    soon = watch.verdicts(time.time() + 310)[1]
    assert soon.tallied.labels.tolist() == [2, 0, 0]


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


def test_the_metrics_say_the_same(models: Models) -> None:
    add(models, even(0, 20), even(1, 10))
    found = samples(create_app(models, Settings()))
    assert found["highway_window_rows", "1d"] == 330
    assert found["highway_drifting", "1d"] == 0
    assert found["highway_drift_threshold", "1d"] == pytest.approx(0.01 / 3 / 168 / 5)
    assert found["highway_drift_psi", "1d", "2"] == 0
    assert found["highway_drift_p_value", "1d", "1"] == 1
    assert found["highway_label_drift_psi", "1d"] == 0
    assert found["highway_label_drift_p_value", "1d"] == pytest.approx(1)
    assert found["highway_unusual_share", "1d", "0.1"] == pytest.approx(0.1, abs=0.01)
    assert found["highway_unusual_p_value", "1d", "0.01"] == 1


def test_a_window_that_drifts_is_1(models: Models) -> None:
    add(models, rows(2, 200, 0.99))
    assert samples(create_app(models, Settings()))["highway_drifting", "1d"] == 1


def test_what_cannot_be_judged_has_no_sample(models: Models) -> None:
    add(models, rows(0, 100))
    found = samples(create_app(models, Settings()))
    assert found["highway_window_rows", "5m"] == 0
    assert ("highway_unusual_share", "5m", "0.01") not in found
    assert ("highway_drift_psi", "1d", "1") in found
    assert not any("p_value" in name for name, *_ in found)


def test_a_model_without_held_out_rows_has_no_sample(classifier: Classifier) -> None:
    assert samples(application(classifier)) == {}
