"""The artifact's contract: what an `.onnx` file must name, hold and say to be served.

The reader owns it, so that the container needs nothing of the exporter; standard library alone,
as in `input_description` and `metadata_reading`. Metadata travels in the file's `metadata_props`,
each value as JSON.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from service.input_description import Column as Column  # others import these two from here
from service.input_description import Input as Input
from service.input_description import read_input
from service.metadata_reading import (
    PREFIX,
    decoded,
    expect,
    expect_distinct,
    path_part,
    positive,
    typed,
    typed_list,
)
from service.metadata_reading import ContractError as ContractError  # others import it from here

CONTRACT_VERSION = 2

INPUT = "input"  # float32 (batch, features): the data's own values
GATE_SCALE = "gate_scale"  # float32 (rows, layers), rows 1 or batch; default ones; 0 closes a layer
LOGITS = "logits"  # float32 (batch, classes)
PROBABILITIES = "probabilities"  # float32 (batch, classes): softmax of the logits
GATE_MEAN = "gate_mean"  # float32 (batch, layers): mean transform gate of each highway layer
GATE_UNITS = "gate_units"  # float32 (batch, sum of widths): the gates, layer after layer
UNUSUAL = "unusual"  # float32 (batch, 3): shares of held-out rows that look less usual, in (0, 1]
OUTPUTS = (LOGITS, PROBABILITIES, GATE_MEAN, GATE_UNITS, UNUSUAL)
UNUSUAL_BY = ("gates", "confidence", "both")  # its columns: where they look less usual

KEYS = (
    *("contract", "name", "version", "labels", "layers", "input"),
    *("training", "gate_baseline", "verification"),
)
PRECISIONS = ("float32", "int8")  # of the weights and products; `verification` says which
DIGEST_LENGTH = 64  # sha256 in hexadecimal


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One highway layer; `number` is its place among the highway layers as trained, from 1."""

    name: str
    kind: str
    width: int
    number: int


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """Everything the file says of itself; `labels` and `layers` are in the order of the outputs."""

    name: str
    version: str
    labels: tuple[str, ...]
    layers: tuple[Layer, ...]
    input: Input
    training: Mapping[str, Any]
    gate_baseline: Mapping[str, Any]
    verification: Mapping[str, Any]

    def to_props(self) -> dict[str, str]:
        """Write as `metadata_props`: keys in contract order, values as JSON."""
        values = {"contract": CONTRACT_VERSION, **asdict(self)}
        return {PREFIX + key: json.dumps(values[key], ensure_ascii=False) for key in KEYS}

    @classmethod
    def from_props(cls, props: Mapping[str, str]) -> "Metadata":
        """Read and check `metadata_props`; unknown further keys are ignored."""
        values = {key: decoded(props, key) for key in KEYS}
        version = values["contract"]
        right = version == CONTRACT_VERSION and version is not True
        found = f"{version!r}; export the model again with this release"
        expect(right, "contract", f"version {CONTRACT_VERSION}", found)
        labels = typed_list(values, "labels", str)
        layers = typed_list(values, "layers", dict)
        expect(len(labels) > 1, "labels", "at least two labels", f"{len(labels)}")
        expect_distinct(labels, "labels", "labels", "label")
        return cls(
            name=path_part(values, "name"),
            version=path_part(values, "version"),
            labels=tuple(labels),
            layers=tuple(_layer(layer) for layer in layers),
            input=read_input(typed(values, "input", dict)),
            training=typed(values, "training", dict),
            gate_baseline=typed(values, "gate_baseline", dict),
            verification=typed(values, "verification", dict),
        )


def precision(metadata: Metadata) -> str:
    """Return one of the `PRECISIONS`; a file that says nothing is of float32."""
    found = metadata.verification.get("precision", PRECISIONS[0])
    expected = " or ".join(repr(name) for name in PRECISIONS)
    expect(found in PRECISIONS, "verification: precision", expected, repr(found))
    return str(found)


def tensor_widths(metadata: Metadata) -> dict[str, int]:
    """Return the size of the second axis of every input and output, in the contract's order."""
    layers, labels = len(metadata.layers), len(metadata.labels)
    return {
        INPUT: metadata.input.size,
        GATE_SCALE: layers,
        LOGITS: labels,
        PROBABILITIES: labels,
        GATE_MEAN: layers,
        GATE_UNITS: sum(layer.width for layer in metadata.layers),
        UNUSUAL: len(UNUSUAL_BY),
    }


def _layer(values: dict[str, Any]) -> Layer:
    where = "layers: "
    return Layer(
        name=typed(values, "name", str, where),
        kind=typed(values, "kind", str, where),
        width=positive(values, "width", where),
        number=positive(values, "number", where),
    )
