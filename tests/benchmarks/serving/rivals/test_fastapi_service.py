"""The plain FastAPI service computes what this project computes."""

import numpy as np
import pytest
from starlette.testclient import TestClient

from benchmarks.serving.bodies import random_rows
from benchmarks.serving.rivals.fastapi_service import ASYNC_PATH, DEF_PATH, create_app
from service.classifier import Classifier
from service.settings import BUNDLED_MODEL


@pytest.mark.parametrize("path", [DEF_PATH, ASYNC_PATH])
def test_both_endpoints_agree_with_the_classifier(path: str) -> None:
    rows = random_rows(3, 784)
    with TestClient(create_app(BUNDLED_MODEL)) as client:
        response = client.post(path, json={"instances": rows.tolist()}).json()
    expected = Classifier.load(BUNDLED_MODEL).run(rows)
    assert list(response) == ["gate_mean", "probabilities"]
    for name, values in response.items():
        assert np.abs(np.asarray(values) - getattr(expected, name)).max() < 1e-5
