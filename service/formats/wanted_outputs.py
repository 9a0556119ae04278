"""Which outputs an Open Inference Protocol request wants, and in which form each."""

from functools import cache
from typing import Any, NamedTuple

import simdjson

from service.contract import GATE_UNITS, OUTPUTS
from service.errors import BodyError, InputError
from service.formats.documents import members
from service.formats.json_kinds import kind_of
from service.formats.parameters import read_count, read_flag, read_parameters


class WantedOutput(NamedTuple):
    """An output as it is, or of each row its best `classes` entries; binary, or in the JSON."""

    name: str
    binary: bool
    classes: int | None = None


@cache
def default_outputs(*, binary: bool) -> tuple[WantedOutput, ...]:
    """Return what a request without a list of outputs gets: all but the gates one by one."""
    return tuple(WantedOutput(name, binary) for name in OUTPUTS if name != GATE_UNITS)


def read_outputs(items: Any, *, binary: bool) -> tuple[WantedOutput, ...]:
    """Read the list `outputs`; `binary` holds for those that do not say for themselves.

    An empty list counts as none. A name that is unknown or given twice is an `InputError`.
    """
    if items is None:
        return default_outputs(binary=binary)
    if not isinstance(items, simdjson.Array):
        raise BodyError(f"outputs: expected a list of tensors, found {kind_of(items)}")
    outputs: dict[str, WantedOutput] = {}
    for index, item in enumerate(items):
        output = _output(item, f"outputs[{index}]", binary)
        if output.name in outputs:
            raise InputError(
                f"outputs[{index}]: expected each output once, found '{output.name}' again"
            )
        outputs[output.name] = output
    return tuple(outputs.values()) or default_outputs(binary=binary)


def _output(item: Any, place: str, binary: bool) -> WantedOutput:
    if not isinstance(item, simdjson.Object):
        raise BodyError(f"{place}: expected an object, found {kind_of(item)}")
    output = members(item, "name", "parameters")
    name = output.get("name")
    if name not in OUTPUTS:
        names = " or ".join(f"'{known}'" for known in OUTPUTS)
        found = "another name" if isinstance(name, str) else kind_of(name)
        raise InputError(f"{place}: expected the name {names}, found {found}")
    parameters = read_parameters(output, f"{place}: parameters", "binary_data", "classification")
    own = read_flag(parameters, "binary_data")
    classes = read_count(parameters, "classification", least=1)
    return WantedOutput(name, binary if own is None else own, classes)
