import asyncio
import threading

import numpy as np
import pytest

from service.classifier import Answer, Classifier, FloatArray
from service.inference.engine import Engine
from service.errors import InputError


class Watched(Classifier):
    """A classifier that remembers on which thread it ran."""

    thread = ""

    def run(self, rows: FloatArray, gate_scale: FloatArray | None = None) -> Answer:
        self.thread = threading.current_thread().name
        return super().run(rows, gate_scale)


@pytest.fixture
def engine(content: bytes) -> Engine:
    return Engine(Watched(content))


def test_the_event_loop_never_runs_the_model(engine: Engine) -> None:
    answer = asyncio.run(engine.answer(np.zeros((2, 4), np.float32)))
    engine.close()
    assert answer.logits.shape == (2, 3)
    assert isinstance(engine.classifier, Watched)
    assert engine.classifier.thread.startswith("inference")


def test_a_row_whose_answer_is_no_number_is_named(engine: Engine) -> None:
    rows = np.array([[0, 0, 0, 0], [3.4e38, 0, 0, 0], [np.inf, 0, 0, 0]], np.float32)
    with pytest.raises(InputError) as error:
        asyncio.run(engine.answer(rows))
    engine.close()
    assert str(error.value) == (
        "row 2: expected values that the network can add up, found some so large that its "
        "answer is no number"
    )
