"""Errors and checks of the contract: one sentence with what was expected and what was found."""

import json
from collections import Counter
from collections.abc import Sequence

from pydantic import ValidationError

PREFIX = "highway."  # of the metadata keys


class ContractError(ValueError):
    """A file that breaks the contract; the message is one sentence."""


def contract_error(location: str, error: ValidationError) -> ContractError:
    """Translate the first of pydantic's errors into a sentence."""
    first = error.errors(include_url=False, include_context=False)[0]
    for part in first["loc"]:
        location += f"[{part}]" if isinstance(part, int) else f": {part}"
    expected, found = first["msg"].removeprefix("Input should be "), shown(first["input"])
    if first["type"] in ("json_invalid", "string_unicode"):
        expected, found = "JSON", "text that is not"
    elif first["type"] == "missing":
        expected, found = "a value", "none"
    elif expected.startswith(("greater", "less")):
        expected = f"a number {expected}"
    return metadata_error(location, expected, found)


def check_count(items: Sequence[object], most: int, location: str, kind: str) -> None:
    """Reject more than `most` items of a kind."""
    expect(len(items) <= most, location, f"at most {most:,} {kind}", f"{len(items):,}")


def check_distinct(names: Sequence[str], location: str, kind: str) -> None:
    """Reject a name that occurs twice."""
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise metadata_error(location, f"distinct {kind}", f"{shown(repeated[0])} twice")


def expect(valid: object, location: str, expected: str, found: str) -> None:
    """Raise a `ContractError` unless `valid`; `location` is a metadata key and a place in it."""
    if not valid:
        raise metadata_error(location, expected, found)


def metadata_error(location: str, expected: str, found: str) -> ContractError:
    """Return the error of a value in the metadata."""
    return ContractError(f"metadata '{PREFIX}{location}': expected {expected}, found {found}")


def shown(value: object) -> str:
    """Return a value as an error message shows it: short JSON, or the kind of a container."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "an array"
    text = json.dumps(value)
    return text if len(text) <= 100 else text[:100] + "…"
