"""The `parameters` objects of an Open Inference Protocol request; unknown names are ignored."""

import simdjson

from service.errors import BodyError
from service.formats.documents import Members, members
from service.formats.json_kinds import kind_of

LARGEST_NUMBER = 1 << 53  # beyond it JSON readers disagree about whole numbers


def read_parameters(item: Members, place: str, *names: str) -> Members:
    """Return an item's parameters of these names, nothing where it has none."""
    parameters = item.get("parameters")
    if parameters is None:
        return {}
    if not isinstance(parameters, simdjson.Object):
        raise BodyError(f"{place}: expected an object, found {kind_of(parameters)}")
    return members(parameters, *names)


def read_flag(parameters: Members, name: str) -> bool | None:
    """Return a truth value, None where it is not given."""
    value = parameters.get(name)
    if not (value is None or isinstance(value, bool)):
        raise BodyError(f"parameter '{name}': expected true or false, found {kind_of(value)}")
    return value


def read_count(parameters: Members, name: str, *, least: int) -> int | None:
    """Return a whole number from `least` on, None where it is not given."""
    value = parameters.get(name)
    if value is None:
        return None
    if type(value) is not int or not least <= value <= LARGEST_NUMBER:
        found = "another number" if type(value) in (int, float) else kind_of(value)
        raise BodyError(
            f"parameter '{name}': expected a whole number from {least} on, found {found}"
        )
    return value
