"""The parameters of the ledger's pages for OpenAPI; `service.ledger.filters` reads them."""

from typing import Any

from service.ledger.filters import LARGEST_PAGE, SORTS

_TEXT = {"type": "string"}
_TIME = {"type": "string", "format": "date-time"}

_FILTERS: dict[str, tuple[dict[str, Any], str]] = {
    "since": (_TIME, "at this time or later"),
    "until": (_TIME, "before this time"),
    "label": (_TEXT, "that was predicted"),
    "model": (_TEXT, "its name"),
    "version": (_TEXT, "of the model"),
    "tag": (_TEXT, "one of X-Tags"),
    "id": (_TEXT, "of the request"),
    "unusual_below": (
        {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
        "bound of the p-value of both signs",
    ),
    "sort": (
        {"type": "string", "enum": list(SORTS), "default": SORTS[0]},
        "a - puts the last first",
    ),
}
_PAGES: dict[str, tuple[dict[str, Any], str]] = {
    "limit": (
        {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE, "default": 50},
        "most rows of a page",
    ),
    "cursor": (_TEXT, "the next of an earlier page"),
}


def _described(parameters: dict[str, tuple[dict[str, Any], str]]) -> dict[str, Any]:
    return {
        "parameters": [
            {"name": name, "in": "query", "schema": schema, "description": told}
            for name, (schema, told) in parameters.items()
        ]
    }


ONE = {"parameters": [{"name": "id", "in": "path", "required": True, "schema": _TEXT}]}
PAGED = _described({**_FILTERS, **_PAGES})
UNPAGED = _described(_FILTERS)
