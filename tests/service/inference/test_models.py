import asyncio
import threading
import weakref
from dataclasses import replace
from functools import cache, partial

import pytest

from service.classifier import Classifier
from service.errors import NotReadyError, UnknownModelError
from service.inference import statistics as module
from service.inference.models import Limits, Models, ServedModel, version_key
from service.inference.queue import InferenceRequest, PendingRequest
from service.inference.statistics import CountersLayout, total_counters
from service.shared_counters import SharedCounters
from tests.service.conftest import METADATA, Recipe
from tests.service.drift.conftest import metadata
from tests.service.inference.conftest import numbered, until

LIMITS = Limits(max_queue_rows=20, max_queue_ms=250, max_batch_rows=8)
REQUEST = InferenceRequest(numbered(3), frozenset())


@cache
def classifier_of(name: str = "tiny", version: str = "1") -> Classifier:
    return Classifier(Recipe(metadata=replace(METADATA, name=name, version=version)).build())


def served(
    name: str = "tiny", version: str = "1", shared_counters: SharedCounters | None = None
) -> ServedModel:
    return ServedModel(classifier_of(name, version), LIMITS, shared_counters or SharedCounters())


@pytest.fixture
def models() -> Models:
    return Models([served("tiny", "1"), served("large", "7"), served("tiny", "2")])


def test_the_first_model_by_name_is_the_default(models: Models) -> None:
    assert models.find() is models.default
    assert (models.default.metadata.name, models.default.metadata.version) == ("large", "7")


def test_the_default_can_be_named_and_is_its_newest_version() -> None:
    models = Models(
        [served("large", "7"), served("tiny", "10"), served("tiny", "2")], default="tiny"
    )
    assert (models.default.metadata.name, models.default.metadata.version) == ("tiny", "10")
    models.replace([served("large", "7")])
    assert models.default.metadata.name == "large"


def test_the_newest_version_is_the_default(models: Models) -> None:
    assert models.find("tiny").metadata.version == "2"
    assert models.find("large").metadata.version == "7"


def test_a_model_is_found_by_name_and_version(models: Models) -> None:
    assert models.find("tiny", "1").metadata.version == "1"


def test_an_unknown_name_is_rejected_with_the_served_names(models: Models) -> None:
    with pytest.raises(UnknownModelError) as error:
        models.find("secret")
    assert str(error.value) == "model: expected 'large' or 'tiny', found another name"


def test_a_server_without_models_is_not_ready() -> None:
    with pytest.raises(NotReadyError) as error:
        Models([]).find()
    assert str(error.value) == "no model is served; load one"


def test_an_unknown_version_is_rejected_with_the_served_versions(models: Models) -> None:
    with pytest.raises(UnknownModelError) as error:
        models.find("tiny", "7")
    assert str(error.value) == "version: expected '1' or '2' of 'tiny', found another"


def test_versions_are_listed_oldest_first(models: Models) -> None:
    assert models.versions("tiny") == ["1", "2"]
    assert models.versions("secret") == []


def test_iteration_is_by_name_and_then_by_version(models: Models) -> None:
    keys = [(model.metadata.name, model.metadata.version) for model in models]
    assert keys == [("large", "7"), ("tiny", "1"), ("tiny", "2")]


@pytest.mark.anyio
async def test_models_are_ready_from_start_to_close(models: Models) -> None:
    ready = [models.ready]
    models.start(asyncio.get_running_loop())
    ready.append(models.ready)
    models.find("large").engine.close()
    ready.append(models.ready)  # not all of them
    models.close()
    ready.append(models.ready)
    assert ready == [False, True, False, False]


@pytest.mark.anyio
async def test_a_model_counts_its_batches() -> None:
    model, other = served(), served("large")
    models, ended = Models([model, other]), list[PendingRequest]()
    models.start(asyncio.get_running_loop())
    model.engine.submit(REQUEST, ended.append)
    await until(lambda: len(ended) == 1)
    models.close()
    total = model.statistics.total()
    assert total.rows[0] == 3
    assert total.batches[3][0] == 1
    assert total.predictions.tolist() == [3, 0, 0]
    assert other.statistics.total().rows[0] == 0


@pytest.mark.anyio
async def test_close_counts_what_is_buffered_for_other_processes() -> None:
    shared_counters, ended = SharedCounters(), list[PendingRequest]()
    model = served(shared_counters=shared_counters)
    models = Models([model])
    models.start(asyncio.get_running_loop())
    model.engine.submit(REQUEST, ended.append)
    models.close()
    layout = CountersLayout(labels=3, layers=2, max_batch_rows=8)
    assert len(ended) == 1
    assert total_counters(shared_counters, model.key, layout).rows[0] == 3


@pytest.mark.anyio
async def test_labels_are_flushed_for_other_processes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "FLUSH_SECONDS", 0.01)
    shared_counters = SharedCounters()
    model = served(shared_counters=shared_counters)
    layout = CountersLayout(labels=3, layers=2, max_batch_rows=8)

    def flushed(rows: int) -> bool:
        counters = total_counters(shared_counters, model.key, layout)
        return bool(counters.predictions.sum() == rows)

    model.start(asyncio.get_running_loop())
    for expected in (3, 6):  # the second after the first flush
        await model.engine.compute(REQUEST)
        await until(partial(flushed, expected))
    model.engine.close()


def test_a_model_with_held_out_rows_has_a_drift_monitor() -> None:
    classifier = Classifier(Recipe(metadata=metadata()).build())
    assert ServedModel(classifier, LIMITS, SharedCounters()).drift_monitor is not None
    assert served().drift_monitor is None


@pytest.mark.anyio
async def test_a_model_queues_no_more_rows_than_its_limit() -> None:
    model = served()
    model.start(asyncio.get_running_loop())
    with pytest.raises(ValueError, match="found 20 of 20; retry later"):
        model.engine.submit(InferenceRequest(numbered(21), frozenset()), lambda _: None)
    model.engine.close()


@pytest.mark.anyio
async def test_a_replaced_model_finishes_its_requests_and_is_freed() -> None:
    old, new = served("tiny", "1"), served("tiny", "2")
    models = Models([old])
    before = set(threading.enumerate())
    models.start(asyncio.get_running_loop())
    (thread,) = set(threading.enumerate()) - before
    computing = asyncio.create_task(old.engine.compute(REQUEST))
    await asyncio.sleep(0)
    models.replace([new])
    assert models.find("tiny") is new
    assert len((await old.engine.compute(REQUEST))["probabilities"]) == len(REQUEST.rows)
    assert len((await computing)["probabilities"]) == len(REQUEST.rows)
    gone = weakref.ref(old)
    del old
    assert gone() is None
    await until(lambda: not thread.is_alive())
    await new.engine.compute(REQUEST)
    models.close()


def test_listeners_are_called_at_once_and_at_each_change() -> None:
    calls: list[list[str]] = []
    models = Models([served("tiny", "1")])
    models.on_change(lambda: calls.append(models.versions("tiny")))
    models.replace([served("tiny", "2"), served("tiny", "10")])
    assert calls == [["1"], ["2", "10"]]


@pytest.mark.parametrize(
    ("lower", "higher"), [("2", "10"), ("1.9", "1.10"), ("1", "1.1"), ("rc1", "1"), ("1a", "1b")]
)
def test_versions_are_ordered_as_people_do(lower: str, higher: str) -> None:
    assert version_key(lower) < version_key(higher)
