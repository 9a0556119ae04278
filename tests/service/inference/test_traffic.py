from dataclasses import replace

import pytest

from service.classifier import Classifier
from service.inference.models import Models, ServedModel
from service.inference.traffic import Canary, Traffic
from service.shared_counters import SharedCounters
from tests.service.conftest import METADATA, TABLE, Recipe, take_missing_values
from tests.service.inference.test_models import LIMITS


def version(number: str) -> ServedModel:
    classifier = Classifier(Recipe(metadata=replace(METADATA, version=number)).build())
    return ServedModel(classifier, LIMITS, SharedCounters())


def route(traffic: Traffic | None, *numbers: str) -> tuple[str, str | None, float, str | None]:
    """Return the stable, canary and shadow versions, and the canary's share."""
    models = Models(map(version, numbers), {} if traffic is None else {"tiny": traffic})
    stable, canary, share, shadow = models.route("tiny")
    assert models.find("tiny") is stable
    return (
        stable.metadata.version,
        canary.metadata.version if canary else None,
        share,
        shadow.metadata.version if shadow else None,
    )


CANARY = Canary(version="3", share=0.25)


@pytest.mark.parametrize(
    ("traffic", "expected"),
    [
        (None, ("3", None, 0.0, None)),
        (Traffic(version="1"), ("1", None, 0.0, None)),
        (Traffic(canary=CANARY), ("2", "3", 0.25, None)),
        (Traffic(canary=CANARY, shadow="2"), ("1", "3", 0.25, "2")),
        (Traffic(shadow="3"), ("2", None, 0.0, "3")),
        (Traffic(version="7", shadow="8"), ("3", None, 0.0, None)),  # not served
        (Traffic(version="3", canary=CANARY, shadow="3"), ("3", None, 0.0, None)),
    ],
)
def test_traffic_chooses_among_the_served_versions(
    traffic: Traffic | None, expected: tuple[str, str | None, float, str | None]
) -> None:
    assert route(traffic, "1", "2", "3") == expected


def test_the_only_version_answers_whatever_the_traffic_says() -> None:
    assert route(Traffic(canary=CANARY), "3") == ("3", None, 0.0, None)


def test_a_version_with_another_input_gets_no_request_of_the_stable_one() -> None:
    table = Classifier(
        Recipe(metadata=replace(TABLE, version="3"), change=take_missing_values).build()
    )
    models = Models(
        [version("2"), ServedModel(table, LIMITS, SharedCounters())],
        {"tiny": Traffic(canary=CANARY, shadow="3")},
    )
    stable, canary, _, shadow = models.route("tiny")
    assert (stable.metadata.version, canary, shadow) == ("2", None, None)
