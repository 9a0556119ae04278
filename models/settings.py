"""Checks of settings that come from a person, against the bounds their dataclass states."""

from dataclasses import asdict
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from models.errors import ConfigError

Settings = TypeVar("Settings")


def changed(settings: Settings, **changes: Any) -> Settings:
    """Return a dataclass with those of `changes` that are not None, each within its bounds.

    A value out of bounds is a `ConfigError` that names it as an option of the command line.
    """
    given = {name: value for name, value in changes.items() if value is not None}
    adapter: TypeAdapter[Settings] = TypeAdapter(type(settings))
    try:
        return adapter.validate_python(asdict(settings) | given)  # type: ignore[call-overload]
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        option = str(first["loc"][0]).replace("_", "-")
        raise ConfigError(
            f"--{option}: expected {_expected(first['msg'])}, found {first['input']!r}"
        ) from error


def _expected(message: str) -> str:
    """Turn pydantic's sentence into the middle of ours."""
    wanted = message.removeprefix("Input should be ").removeprefix("Value error, expected ")
    wanted = wanted.partition(", found")[0]
    return f"a number {wanted}" if wanted.startswith(("greater", "less")) else wanted
