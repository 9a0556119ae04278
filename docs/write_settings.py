"""Write docs/settings.md from service/settings.py: `python -m docs.write_settings`."""

import types
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from service.settings import PREFIX, Settings

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "settings.md"
INTRODUCTION = """\
# Settings of the server

Each setting is an environment variable. Options of `highway serve` take precedence:

    HIGHWAY_MAX_QUEUE_MS=100 HIGHWAY_LOG_FORMAT=json highway serve model.onnx --port 9000

An invalid value stops the server at the start with one sentence:

    error: HIGHWAY_PORT: expected at most 65535, found '99999'

So does a variable that begins with `HIGHWAY_` and is no setting:

    error: HIGHWAY_PUBLICKEY: expected the name of a setting, found another; \
did you mean HIGHWAY_PUBLIC_KEY

Exceptions are `HIGHWAY_CLIENT_KEY` of `highway predict`, `HIGHWAY_TEST_…`, and the variables that
Kubernetes adds for a service of this name.

`python -m docs.write_settings` generates this page from `service/settings.py`.

| variable | type | default | meaning |
| --- | --- | --- | --- |
"""
TYPES = {int: "integer", float: "number", bool: "boolean", str: "string", Path: "path"}
BOUNDS = {"ge": "≥ {:,}", "gt": "> {:,}", "le": "≤ {:,}"}


def page() -> str:
    """Return the page: a row for each setting."""
    rows = (
        (f"`{PREFIX}{name.upper()}`", type_of(field), default_of(field), meaning_of(field))
        for name, field in Settings.model_fields.items()
    )
    return INTRODUCTION + "".join(f"| {' | '.join(map(str, row))} |\n" for row in rows)


def type_of(field: FieldInfo) -> str:
    """Describe the type of a setting and its range."""
    annotation: Any = field.annotation
    if isinstance(annotation, types.UnionType):  # with None, the default
        annotation = get_args(annotation)[0]
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(annotation))
    bounds = [
        BOUNDS[kind].format(getattr(bound, kind))
        for bound in field.metadata
        if (kind := type(bound).__name__.lower()) in BOUNDS
    ]
    return ", ".join([TYPES[annotation], *bounds])


def default_of(field: FieldInfo) -> str:
    """Return the default of a setting as an environment variable has it; `–` if it is unset."""
    value = field.default
    if value is None:
        return "–"
    if isinstance(value, Path):
        value = value.relative_to(ROOT)
    return f"`{str(value).lower()}`"


def meaning_of(field: FieldInfo) -> str:
    """Return the description of a setting on one line."""
    return " ".join((field.description or "").split())


if __name__ == "__main__":
    PAGE.write_text(page())
