import json
from dataclasses import asdict, replace

import numpy as np

from service.classifier import Classifier
from service.formats.predictions import encode_predictions
from service.inference.question import Outputs
from tests.service.conftest import METADATA

OUTPUTS: Outputs = {
    "probabilities": np.array([[0.7, 0.2, 0.1], [0.25, 0.25, 0.5]], np.float32),
    "gate_mean": np.array([[0.1, 1], [1e-7, 0]], np.float32),
    "unusual": np.array([[0.003, 1, 0.006], [0.5, 0.25, 0.375]], np.float32),
}


def test_the_answer_is_written_word_for_word() -> None:
    assert encode_predictions(OUTPUTS, METADATA) == (
        b'{"model_name":"tiny","model_version":"1","predictions":['
        b'{"label":"a","probability":0.7,"probabilities":[0.7,0.2,0.1],"gate_mean":[0.1,1.0],'
        b'"unusual":{"gates":0.003,"confidence":1.0,"both":0.006}},'
        b'{"label":"c","probability":0.5,"probabilities":[0.25,0.25,0.5],"gate_mean":[1e-7,0.0],'
        b'"unusual":{"gates":0.5,"confidence":0.25,"both":0.375}}]}'
    )


def test_of_equal_probabilities_the_first_label_wins() -> None:
    equal = {**OUTPUTS, "probabilities": np.array([[0.25, 0.375, 0.375]] * 2, np.float32)}
    predictions = json.loads(encode_predictions(equal, METADATA))["predictions"]
    assert [prediction["label"] for prediction in predictions] == ["b", "b"]


def test_labels_of_any_script_are_written_in_utf_8() -> None:
    metadata = replace(METADATA, name="цифры", labels=("零", '"\\\n', "🙂"))
    body = json.loads(encode_predictions(OUTPUTS, metadata))
    assert body["model_name"] == "цифры"
    assert [prediction["label"] for prediction in body["predictions"]] == ["零", "🙂"]


def test_a_models_answer_reads_back_to_the_same_float32(classifier: Classifier) -> None:
    answer = classifier.run(np.array([[1, 0, 0, 0], [0, 0, 3, 0]], np.float32))
    body = json.loads(encode_predictions(asdict(answer), classifier.metadata))
    assert [prediction["label"] for prediction in body["predictions"]] == ["a", "c"]
    for name in ("probabilities", "gate_mean"):
        told = np.array([prediction[name] for prediction in body["predictions"]], np.float32)
        assert told.tolist() == getattr(answer, name).tolist()
