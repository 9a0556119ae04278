"""The past requests of the tests, and responses in their place."""

import json
from typing import Any
from urllib.parse import quote

from playwright.sync_api import Page, Route

from service.settings import BUNDLED_MODEL
from tests.service.serving import fetch

EXAMPLES = BUNDLED_MODEL.parents[2] / "examples"
ODD_ID = 'a/../b?c=1&d#%41"<i>'  # all that an address or a page could misread
BATCHES = (40, 12)  # rows of two requests: each within the ledger's rate
FOREIGN = "The response is not of this API; another server may have answered."


def rows_of(port: int, query: str) -> Any:
    return fetch(port, f"/requests?{query}")["requests"]


def recorded_row(port: int, name: str = ODD_ID) -> Any:
    return fetch(port, f"/requests/{quote(name, safe='')}")["rows"][0]


def shown_ids(page: Page) -> list[str]:
    return page.locator("request-list tbody th button").all_inner_texts()


def answer(page: Page, pattern: str, document: Any, status: int = 200) -> None:
    """Let a path have this response."""
    body = json.dumps(document)

    def fulfil(route: Route) -> None:
        route.fulfill(status=status, body=body, content_type="application/json")

    page.route(pattern, fulfil)
