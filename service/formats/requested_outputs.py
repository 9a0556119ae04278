"""The outputs that an Open Inference Protocol request wants, and the form of each."""

from functools import cache
from typing import Any, NamedTuple

import simdjson

from service.contract import GATE_UNITS, LAYER_TYPICALITY, OUTPUTS
from service.errors import BodyError, InputError
from service.formats.json_documents import kind_of, members
from service.formats.parameters import read_count, read_flag, read_parameters

ON_REQUEST = (GATE_UNITS, LAYER_TYPICALITY)  # outputs that a request must name


class WantedOutput(NamedTuple):
    """An output, or only the largest `classes` entries of each row; binary or in the JSON."""

    name: str
    binary: bool
    classes: int | None = None


@cache
def default_outputs(*, binary: bool) -> tuple[WantedOutput, ...]:
    """Return the outputs for a request that lists none: all but those on request."""
    return tuple(WantedOutput(name, binary) for name in OUTPUTS if name not in ON_REQUEST)


def read_outputs(items: Any, *, binary: bool) -> tuple[WantedOutput, ...]:
    """Read the list `outputs`; `binary` is the default of their `binary_data`.

    A missing or empty list means the default outputs. An unknown or repeated name is an
    `InputError`.
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


def _output(item: Any, location: str, binary: bool) -> WantedOutput:
    if not isinstance(item, simdjson.Object):
        raise BodyError(f"{location}: expected an object, found {kind_of(item)}")
    output = members(item, "name", "parameters")
    name = output.get("name")
    if name not in OUTPUTS:
        names = " or ".join(f"'{known}'" for known in OUTPUTS)
        actual = "another name" if isinstance(name, str) else kind_of(name)
        raise InputError(f"{location}: expected the name {names}, found {actual}")
    parameters = read_parameters(output, f"{location}: parameters", "binary_data", "classification")
    own = read_flag(parameters, "binary_data")
    classes = read_count(parameters, "classification", least=1)
    return WantedOutput(name, binary if own is None else own, classes)
