"""Changes of hyper-parameters by command-line options, within the bounds of their dataclass."""

from dataclasses import asdict
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from models.errors import ConfigError

Settings = TypeVar("Settings")


def changed(settings: Settings, **changes: Any) -> Settings:
    """Return a copy of a dataclass with those `changes` that are not None.

    Raises `ConfigError`, which names the option, for a value out of bounds.
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
    """Return the expected value from a pydantic message, such as "a number less than 1"."""
    expected = message.removeprefix("Input should be ").removeprefix("Value error, expected ")
    expected = expected.partition(", found")[0]
    return f"a number {expected}" if expected.startswith(("greater", "less")) else expected
