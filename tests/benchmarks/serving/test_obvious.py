"""The service that is compared with answers what this project answers."""

import numpy as np
import pytest
from starlette.testclient import TestClient

from benchmarks.serving.bodies import random_rows
from benchmarks.serving.obvious import ASYNC_PATH, DEF_PATH, create_app
from service.classifier import Classifier
from service.settings import BUNDLED_MODEL


@pytest.mark.parametrize("path", [DEF_PATH, ASYNC_PATH])
def test_both_ways_answer_as_the_classifier_does(path: str) -> None:
    rows = random_rows(3, 784)
    with TestClient(create_app(BUNDLED_MODEL)) as client:
        answer = client.post(path, json={"instances": rows.tolist()}).json()
    expected = Classifier.load(BUNDLED_MODEL).run(rows)
    assert list(answer) == ["logits", "probabilities", "gate_mean"]
    for name, values in answer.items():
        assert np.abs(np.asarray(values) - getattr(expected, name)).max() < 1e-5
