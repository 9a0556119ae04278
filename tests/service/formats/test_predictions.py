import json

import numpy as np

from service.classifier import Classifier
from service.formats.predictions import encode, encode_predictions


def test_float32_is_written_in_its_shortest_decimals() -> None:
    assert encode({"a": np.float32(0.1), "b": np.array([0.25, 1e-7], np.float32)}) == (
        b'{"a":0.1,"b":[0.25,1e-7]}'
    )


def test_what_is_no_number_becomes_null_so_that_the_json_stays_strict() -> None:
    assert encode(np.array([np.nan, np.inf, 1.0], np.float32)) == b"[null,null,1.0]"


def test_each_row_has_its_label_probabilities_and_gates(classifier: Classifier) -> None:
    answer = classifier.run(np.array([[1, 0, 0, 0], [0, 0, 3, 0]], np.float32))
    body = json.loads(encode_predictions(answer, classifier.metadata))
    assert (body["model_name"], body["model_version"]) == ("tiny", "1")
    first, second = body["predictions"]
    assert list(first) == ["label", "probability", "probabilities", "gate_mean"]
    assert [first["label"], second["label"]] == ["a", "c"]
    assert second["probability"] == max(second["probabilities"])
    assert np.float32(second["gate_mean"]).tolist() == answer.gate_mean[1].tolist()
