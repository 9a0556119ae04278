"""`parameters` objects of an Open Inference Protocol request; unknown names are ignored."""

import simdjson

from service.errors import BodyError
from service.formats.json_documents import Members, kind_of, members

MAX_INTEGER = 1 << 53  # JSON readers disagree about larger integers


def read_parameters(item: Members, location: str, *names: str) -> Members:
    """Return those of the named parameters that an item has."""
    parameters = item.get("parameters")
    if parameters is None:
        return {}
    if not isinstance(parameters, simdjson.Object):
        raise BodyError(f"{location}: expected an object, found {kind_of(parameters)}")
    return members(parameters, *names)


def read_flag(parameters: Members, name: str) -> bool | None:
    """Return a boolean, None if it is missing or null."""
    value = parameters.get(name)
    if not (value is None or isinstance(value, bool)):
        raise BodyError(f"parameter '{name}': expected a boolean, found {kind_of(value)}")
    return value


def read_count(parameters: Members, name: str, *, least: int) -> int | None:
    """Return an integer of at least `least`, None if it is missing or null."""
    value = parameters.get(name)
    if value is None:
        return None
    if type(value) is not int or not least <= value <= MAX_INTEGER:
        actual = "another number" if type(value) in (int, float) else kind_of(value)
        raise BodyError(
            f"parameter '{name}': expected an integer of at least {least}, found {actual}"
        )
    return value
