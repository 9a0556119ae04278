import asyncio
from dataclasses import replace
from functools import cache

import pytest

from service.classifier import Classifier
from service.errors import UnknownModelError
from service.inference import models as module
from service.inference.counters import Board, Shape
from service.inference.models import Limits, Models, ServedModel
from service.inference.question import Question, Ticket
from tests.service.conftest import METADATA, Recipe
from tests.service.drift.conftest import metadata
from tests.service.inference.conftest import numbered, until

LIMITS = Limits(queue_rows=20, run_rows=8)
QUESTION = Question(numbered(3), frozenset())


@cache
def classifier(name: str = "tiny", version: str = "1") -> Classifier:
    return Classifier(Recipe(metadata=replace(METADATA, name=name, version=version)).build())


def served(name: str = "tiny", version: str = "1", board: Board | None = None) -> ServedModel:
    return ServedModel(classifier(name, version), LIMITS, board or Board())


@pytest.fixture
def three() -> Models:
    return Models([served("tiny", "1"), served("large", "7"), served("tiny", "2")])


def test_without_a_name_the_first_model_is_meant(three: Models) -> None:
    assert three.find() is three.default
    assert (three.default.metadata.name, three.default.metadata.version) == ("tiny", "1")


def test_without_a_version_the_newest_is_meant(three: Models) -> None:
    assert three.find("tiny").metadata.version == "2"
    assert three.find("large").metadata.version == "7"


def test_a_version_is_found_by_its_name(three: Models) -> None:
    assert three.find("tiny", "1").metadata.version == "1"


def test_an_unknown_model_is_told_the_names_that_are_served(three: Models) -> None:
    with pytest.raises(UnknownModelError) as error:
        three.find("secret")
    assert str(error.value) == "model: expected 'tiny' or 'large', found another name"


def test_an_unknown_version_is_told_those_that_are_served(three: Models) -> None:
    with pytest.raises(UnknownModelError) as error:
        three.find("tiny", "7")
    assert str(error.value) == "version: expected '1' or '2' of 'tiny', found another"


def test_versions_are_listed_oldest_first(three: Models) -> None:
    assert three.versions("tiny") == ["1", "2"]
    assert three.versions("secret") == []


def test_all_models_are_gone_through_name_by_name(three: Models) -> None:
    found = [(model.metadata.name, model.metadata.version) for model in three]
    assert found == [("tiny", "1"), ("tiny", "2"), ("large", "7")]


@pytest.mark.anyio
async def test_models_are_ready_from_start_to_close(three: Models) -> None:
    ready = [three.ready]
    three.start(asyncio.get_running_loop())
    ready.append(three.ready)
    three.find("large").engine.close()
    ready.append(three.ready)  # not all of them
    three.close()
    ready.append(three.ready)
    assert ready == [False, True, False, False]


@pytest.mark.anyio
async def test_a_model_answers_and_counts_its_runs() -> None:
    model, other = served(), served("large")
    models, over = Models([model, other]), list[Ticket]()
    models.start(asyncio.get_running_loop())
    model.engine.submit(QUESTION, over.append)
    await until(lambda: len(over) == 1)
    models.close()
    total = model.statistics.total()
    assert (total.rows[0], total.runs[0]) == (3, 1)
    assert total.batches[3][0] == 1
    assert total.predictions.tolist() == [3, 0, 0]
    assert other.statistics.total().rows[0] == 0


@pytest.mark.anyio
async def test_labels_settle_soon_where_the_siblings_see_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "SETTLE_SECONDS", 0.01)
    board = Board()
    model, over = served(board=board), list[Ticket]()
    shape = Shape(labels=3, layers=2, run_rows=8)
    model.start(asyncio.get_running_loop())
    for expected in (3, 6):  # and again, once it has settled
        model.engine.submit(QUESTION, over.append)
        await until(lambda: board.total("tiny@1", shape).predictions.sum() == expected)  # noqa: B023
    model.engine.close()


def test_a_model_that_tells_held_out_rows_is_watched() -> None:
    told = Classifier(Recipe(metadata=metadata()).build())
    assert ServedModel(told, LIMITS, Board()).watch is not None
    assert served().watch is None


@pytest.mark.anyio
async def test_a_model_takes_no_more_rows_than_its_limit() -> None:
    model = served()
    model.start(asyncio.get_running_loop())
    with pytest.raises(ValueError, match="found 20 of 20; come again later"):
        model.engine.submit(Question(numbered(21), frozenset()), lambda _: None)
    model.engine.close()
