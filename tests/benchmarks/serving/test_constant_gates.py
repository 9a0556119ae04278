import numpy as np
import pytest

from benchmarks.serving.constant_gates import CONSTANT, with_constant_gates
from service.classifier import Classifier
from service.settings import BUNDLED_MODEL


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    target = tmp_path_factory.mktemp("plain") / "plain.onnx"
    return Classifier.load(with_constant_gates(BUNDLED_MODEL, target))


def test_the_labels_are_those_of_the_network_and_all_else_is_constant(plain: Classifier) -> None:
    rows = np.random.default_rng(0).uniform(0, 255, (5, 784)).astype(np.float32)
    outputs, expected = plain.run(rows), Classifier.load(BUNDLED_MODEL).run(rows)
    assert outputs.logits == pytest.approx(expected.logits, abs=1e-4)
    assert outputs.probabilities == pytest.approx(expected.probabilities, abs=1e-6)
    for name in ("gate_mean", "gate_units", "typicality", "layer_typicality"):
        constant, real = getattr(outputs, name), getattr(expected, name)
        assert constant.shape == real.shape
        assert np.all(constant == CONSTANT)
