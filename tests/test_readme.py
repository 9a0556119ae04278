"""What the README promises is there: its commands, its request and its answer."""

import json
import re

import pytest
from starlette.testclient import TestClient

from service.classifier import Classifier
from service.settings import Settings
from tests.conftest import ROOT, command
from tests.service.conftest import application

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, flags=re.DOTALL)


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert set(re.findall(r"make ([a-z]+)", README)) <= targets


def test_every_link_inside_the_project_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README) + re.findall(r'src="([^":]+)"', README):
        assert (ROOT / target).exists(), target


def test_the_answer_shown_is_the_bundled_models_answer() -> None:
    shown = next(json.loads(body) for kind, body in BLOCKS if kind == "json")
    classifier = Classifier.load(Settings().model)
    with TestClient(application(classifier)) as client:
        answer = client.post(
            "/predict",
            content=(ROOT / "examples" / "seven.json").read_bytes(),
            headers={"content-type": "application/json"},
        ).json()
    assert answer["model_name"] == shown["model_name"]
    (found,), (expected,) = answer["predictions"], shown["predictions"]
    assert found["label"] == expected["label"]
    # Processors round float32 differently in the last digits.
    assert found["probabilities"] == pytest.approx(expected["probabilities"], abs=1e-4)
    assert found["gate_mean"] == pytest.approx(expected["gate_mean"], abs=1e-4)
    assert found["unusual"] == pytest.approx(expected["unusual"], abs=1e-3)
    assert f"`both` says that {found['unusual']['both'] * 1000:.0f} of 1,000 normal" in README


@pytest.mark.parametrize(
    "verb", sorted(set(re.findall(r"python -m (\w+ \w+)", README))), ids=lambda verb: verb
)
def test_every_command_that_is_named_exists(verb: str) -> None:
    assert command(*verb.split(), "--help").returncode == 0
