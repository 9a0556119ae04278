import asyncio
import json
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.explanations.speed import Occlusion, explain, summary, timed
from service.classifier import Classifier
from service.contract import Metadata
from tests.service.conftest import METADATA, TABLE, Recipe, take_missing_values

ROW = np.array([1, 0, 0, 0], np.float32)
IMAGE_INPUTS: dict[str, object] = {"usual": [0.0], "values": [], "missing": []}
TABLE_INPUTS: dict[str, object] = {
    "usual": [0.0, 1.0, 1.0, 9.0],
    "values": [[0.0], [1.0], [1.0], [9.0]],
    "missing": [False] * 4,
}


def classifier(metadata: Metadata, inputs: dict[str, object]) -> Classifier:
    change = take_missing_values if metadata is TABLE else lambda model: None
    return Classifier(
        Recipe(metadata=replace(metadata, gate_baseline={"inputs": inputs}), change=change).build()
    )


def test_the_patches_that_differ_from_the_usual_pixel_are_computed() -> None:
    occlusion = Occlusion(classifier(METADATA, IMAGE_INPUTS), ROW)
    assert asyncio.run(occlusion.occlude()) == 1


def test_the_search_computes_more_rows_than_occlusion() -> None:
    occlusion = Occlusion(classifier(TABLE, TABLE_INPUTS), ROW)
    assert asyncio.run(occlusion.occlude()) == 4
    assert asyncio.run(occlusion.search()) > 4


def test_a_request_may_be_for_the_inputs() -> None:
    body = explain([1, None], inputs=True)
    assert (body.path, json.loads(body.content)) == (
        "/explain",
        {"instance": [1, None], "inputs": True},
    )


def test_calls_are_made_in_turn() -> None:
    made: list[str] = []
    times = timed({"a": lambda: made.append("a"), "b": lambda: made.append("b")}, 2)
    assert made == ["a", "b", "a", "b"]
    assert [len(each) for each in times.values()] == [2, 2]


@pytest.mark.parametrize(("times", "text"), [([3, 1, 2], "1.0, 2.0 ms"), ([0.04], "0.0, 0.0 ms")])
def test_the_shortest_and_the_median_time_are_shown(times: list[float], text: str) -> None:
    assert summary(times) == text
