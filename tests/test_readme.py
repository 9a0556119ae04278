"""The commands, links and responses of the README, and the links of the other pages."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
from starlette.testclient import TestClient

from service.classifier import Classifier
from service.console import main
from service.settings import BUNDLED_MODEL
from tests.conftest import ROOT, kept_signal_handlers
from tests.service.conftest import application
from tests.test_http_page import assert_shown, send

README = (ROOT / "README.md").read_text()
PAGES = sorted(
    {
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        ROOT / "client" / "README.md",
        ROOT / "service" / "bundled" / "README.md",
    }
)
EXAMPLES = dict(re.findall(r"(curl [^\n]*)\n```\n\n```json\n(.*?)```", README, flags=re.DOTALL))
TEXT = "\n".join(page.read_text() for page in PAGES)
COMMANDS = sorted(set(re.findall(r"(?:`|^ *|\$ )highway ([a-z]+)", TEXT, flags=re.MULTILINE)))


@pytest.fixture(scope="module")
def bundled() -> Iterator[TestClient]:
    with TestClient(application(Classifier.load(BUNDLED_MODEL))) as client:
        yield client


def slugs(page: Path) -> set[str]:
    """Return the anchors of the headings, as GitHub derives them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_the_project_leads_to_a_file_and_a_heading(page: Path) -> None:
    text = page.read_text()
    links = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:src|href)="([^"]+)"', text)
    for link in links:
        if not re.match(r"https?://", link):
            name, _, anchor = link.partition("#")
            target = page.parent / name if name else page
            assert target.exists(), link
            assert not anchor or anchor in slugs(target), link


def test_every_make_target_that_a_page_names_exists() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    named = set(re.findall(r"(?:`|^ *)make ([a-z][a-z-]*)", TEXT, flags=re.MULTILINE))
    assert {"demo", "serve", "test"} <= named <= set(targets)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_highway_command_that_a_page_names_exists(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with (
        kept_signal_handlers(),
        patch.object(sys, "argv", ["highway", name, "--help"]),
        pytest.raises(SystemExit) as exit_,
    ):
        main()
    assert exit_.value.code == 0
    assert f"highway {name} " in capsys.readouterr().out


def test_the_examples_get_the_responses_that_are_shown(bundled: TestClient) -> None:
    assert len(EXAMPLES) == 2
    for curl, response in EXAMPLES.items():
        assert_shown(json.loads(response), send(bundled, curl))


def test_the_noisy_seven_has_the_confidence_and_typicality_that_the_text_states(
    bundled: TestClient,
) -> None:
    assert "each with a probability of at least 99.99 %" in README
    assert "none of the 6,000 held-out pictures has gates as unusual" in README
    (curl,) = (curl for curl in EXAMPLES if "noisy_seven" in curl)
    (prediction,) = send(bundled, curl)["predictions"]
    assert prediction["label"] == "7"
    assert prediction["probability"] >= 0.9999
    assert prediction["typicality"]["gates"] < 1 / 6000
