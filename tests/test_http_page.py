"""The examples of docs/http.md: each curl command gets the response that the page shows."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.classifier import Classifier
from service.settings import BUNDLED_MODEL
from tests.conftest import ROOT
from tests.service.conftest import application

PAGE = (ROOT / "docs" / "http.md").read_text()
EXAMPLES = re.findall(r"\n    (curl [^\n]*)\n\n```json\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(application(Classifier.load(BUNDLED_MODEL), ledger_url="off")) as client:
        yield client


def send(client: TestClient, curl: str) -> Any:
    """Send the request of a curl command."""
    *options, url = shlex.split(curl)
    data = options[options.index("-d") + 1]
    content = Path(ROOT / data[1:]).read_bytes() if data.startswith("@") else data.encode()
    path = url.removeprefix("http://127.0.0.1:8000")
    return client.post(path, content=content, headers={"Content-Type": "application/json"}).json()


def assert_shown(shown: Any, actual: Any) -> None:
    """Compare JSON; "…" omits the remaining items or members."""
    if isinstance(shown, dict):
        assert "…" in shown or shown.keys() == actual.keys()
        for name in shown.keys() - {"…"}:
            assert_shown(shown[name], actual[name])
    elif isinstance(shown, list):
        assert "…" in shown or len(shown) == len(actual)
        items = shown[: shown.index("…")] if "…" in shown else shown
        for one, other in zip(items, actual, strict=False):
            assert_shown(one, other)
    elif isinstance(shown, float):
        assert actual == pytest.approx(shown, abs=1e-3)  # processors round float32 differently
    elif ":" in str(shown):  # value:index:label
        assert shown.split(":")[1:] == actual.split(":")[1:]
    else:
        assert actual == shown


@pytest.mark.parametrize(("curl", "response"), EXAMPLES, ids=[curl[-40:] for curl, _ in EXAMPLES])
def test_an_example_gets_the_response_that_is_shown(
    client: TestClient, curl: str, response: str
) -> None:
    assert_shown(json.loads(response), send(client, curl))


def test_the_page_has_examples_of_all_endpoints_and_lists_all_routes(client: TestClient) -> None:
    assert len(EXAMPLES) == 7
    for path in client.get("/openapi.json").json()["paths"]:
        assert f"`{path}`" in PAGE or f"{path}`" in PAGE or "repository/models" in path
