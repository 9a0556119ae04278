from dataclasses import replace

import pytest

from service.classifier import Classifier
from service.errors import UnknownModelError
from service.http.doors import InferDoor, PredictDoor
from service.http.routes import Routes, Target
from service.inference.models import Models
from tests.service.conftest import METADATA, Recipe, served


@pytest.fixture
def models() -> Models:
    """Two versions of one model, and another model."""
    metadata = [
        METADATA,
        replace(METADATA, version="2"),
        replace(METADATA, name="other", version="beta"),
    ]
    return served(*[Classifier(Recipe(metadata=each).build()) for each in metadata])


@pytest.fixture
def routes(models: Models) -> Routes:
    return Routes(models, max_rows=5, predict_route="/invocations")


def test_every_path_of_every_model_is_met_without_a_search(routes: Routes) -> None:
    assert set(routes.exact) == {
        *(b"/predict", b"/invocations"),
        *(b"/v1/models/tiny:predict", b"/v2/models/tiny/infer"),
        *(b"/v1/models/tiny/versions/1:predict", b"/v2/models/tiny/versions/1/infer"),
        *(b"/v1/models/tiny/versions/2:predict", b"/v2/models/tiny/versions/2/infer"),
        *(b"/v1/models/other:predict", b"/v2/models/other/infer"),
        *(b"/v1/models/other/versions/beta:predict", b"/v2/models/other/versions/beta/infer"),
    }


@pytest.mark.parametrize(
    ("path", "kind", "version"),
    [
        (b"/predict", PredictDoor, "1"),  # the first model
        (b"/v1/models/tiny:predict", PredictDoor, "2"),  # the newest version
        (b"/v2/models/tiny/infer", InferDoor, "2"),
        (b"/v2/models/tiny/versions/1/infer", InferDoor, "1"),
        (b"/v2/models/other/infer", InferDoor, "beta"),
    ],
)
def test_a_path_leads_to_its_model(routes: Routes, path: bytes, kind: type, version: str) -> None:
    door = routes.exact[path]
    assert isinstance(door, kind)
    assert door.model.metadata.version == version


def test_without_a_platforms_path_there_is_none(models: Models) -> None:
    routes = Routes(models, max_rows=5, predict_route=None)
    assert b"/invocations" not in routes.exact
    assert "/invocations" not in routes.patterns


def test_a_path_that_needs_escaping_is_left_to_the_application(models: Models) -> None:
    routes = Routes(models, max_rows=5, predict_route="/fragen/größe")
    assert all(path.isascii() for path in routes.exact)
    assert routes.patterns["/fragen/größe"] == "predict"


def test_a_door_is_made_once_for_its_model(routes: Routes) -> None:
    door = routes.door(Target("infer", "tiny", "2"))
    assert routes.door(Target("infer", "tiny")) is door
    assert routes.door(Target("predict", "tiny")) is not door


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (Target("infer", "SECRET"), "model: expected 'tiny' or 'other', found another name"),
        (Target("infer", "other", "1"), "version: expected 'beta' of 'other', found another"),
        (Target("infer", "tiny", "3"), "version: expected '1' or '2' of 'tiny', found another"),
    ],
)
def test_a_model_that_is_not_served_has_no_door(
    routes: Routes, target: Target, message: str
) -> None:
    with pytest.raises(UnknownModelError) as error:
        routes.door(target)
    assert str(error.value) == message
