"""A server of the bundled model, and a browser that shows its page."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from service.settings import BUNDLED_MODEL
from tests.inspector.browser import Visit, launched
from tests.service.conftest import TABLE, Recipe, take_missing_values
from tests.service.serving import serving

# Of the table model.
USUAL_INPUTS = {
    "usual": [0.0, 1.0, 0.0, 900.0],
    "values": [[0.0, 1.0, 2.0], [0.0, 1.0], [0.0, 1.0], [900.0]],
    "missing": [False, False, False, True],
}

START_OVER = """async () => {
  const url = document.querySelector("script[type=module]").src.replace("main.js", "store.js");
  const { store } = await import(url);
  store.update({ input: null, instance: null, scales: {}, unit: null, pinned: null, status: null });
  document.querySelector("try-view").replaceWith(document.createElement("try-view"));
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """For a module, because playwright's event loop disturbs the asyncio tests of others."""
    with launched() as browser:
        yield browser


ServeModel = Callable[..., int]


@pytest.fixture(scope="module")
def serve_model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServeModel]:
    """Start servers of artifacts, given as bytes and settings; return their ports."""
    with ExitStack() as servers:

        def serve(content: bytes, **settings: str) -> int:
            file = tmp_path_factory.mktemp("model") / "model.onnx"
            file.write_bytes(content)
            settings = {"HIGHWAY_LEDGER_URL": "off", **settings}
            return servers.enter_context(serving(file, **settings))[1]

        yield serve


@pytest.fixture(scope="module")
def table_port(serve_model: ServeModel) -> int:
    """The port of a server of a table model.

    Its logits are the row's first three values, so closing layers never changes a label.
    """
    metadata = replace(TABLE, gate_baseline={"inputs": USUAL_INPUTS})
    return serve_model(Recipe(metadata=metadata, change=take_missing_values).build())


@pytest.fixture(scope="session")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a server of the bundled model, whose ledger records every row with its input."""
    ledger = tmp_path_factory.mktemp("inspector") / "ledger.db"
    settings = {"HIGHWAY_LEDGER_URL": f"sqlite:///{ledger}", "HIGHWAY_LEDGER_INPUTS": "all"}
    with serving(BUNDLED_MODEL, **settings) as (_, port):
        yield port


Visits = Callable[..., Visit]


@pytest.fixture
def visits(browser: Browser, port: int) -> Iterator[Visits]:
    """Open pages, of the server of the bundled model by default; none may have a fault.

    A test that provokes a fault clears `Visit.faults` after it has looked at them.
    """
    opened: list[Visit] = []

    def visit(server_port: int | None = None, **options: Any) -> Visit:
        opened.append(Visit(browser, f"http://127.0.0.1:{server_port or port}", **options))
        return opened[-1]

    yield visit
    faults = [fault for visit in opened for fault in visit.faults]
    for visited in opened:
        visited.close()
    assert faults == []


@pytest.fixture
def page(visits: Visits) -> Page:
    """The page of the bundled model, loaded."""
    return visits().open()


@pytest.fixture(scope="module")
def module_page(browser: Browser, port: int) -> Iterator[Page]:
    """One loaded page for all tests of a module that only call functions of its modules."""
    visit = Visit(browser, f"http://127.0.0.1:{port}")
    yield visit.open()
    visit.close()
    assert visit.faults == []


@pytest.fixture(scope="module")
def visit_port(port: int) -> int:
    """The port that `visit` opens; a module may have a server of its own."""
    return port


@pytest.fixture(scope="module")
def visit(browser: Browser, visit_port: int) -> Iterator[Visit]:
    """A page that all tests of a module share, of the bundled model by default."""
    visit = Visit(browser, f"http://127.0.0.1:{visit_port}")
    visit.open()
    yield visit
    visit.close()


@pytest.fixture
def shared_page(visit: Visit) -> Iterator[Page]:
    """The module's page with a new first view and no input; a load for each test takes longer."""
    visit.page.evaluate(START_OVER)
    yield visit.page
    assert visit.faults == []


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder for the files that a test uploads."""
    return tmp_path
