"""The artifact's contract: what an `.onnx` file must name, hold and say to be served.

The reader owns it, so that the container needs nothing of the exporter; standard library alone.
Metadata travels in the file's `metadata_props`, each value as JSON.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import prod
from typing import Any, Literal, cast

CONTRACT_VERSION = 1

INPUT = "input"  # float32 (batch, features): the data's own values
GATE_SCALE = "gate_scale"  # float32 (rows, layers), rows 1 or batch; default ones; 0 closes a layer
LOGITS = "logits"  # float32 (batch, classes)
PROBABILITIES = "probabilities"  # float32 (batch, classes): softmax of the logits
GATE_MEAN = "gate_mean"  # float32 (batch, layers): mean transform gate of each highway layer
GATE_UNITS = "gate_units"  # float32 (batch, sum of widths): the gates, layer after layer
OUTPUTS = (LOGITS, PROBABILITIES, GATE_MEAN, GATE_UNITS)

PREFIX = "highway."
KEYS = (
    *("contract", "name", "version", "labels", "layers", "input"),
    *("training", "gate_baseline", "verification"),
)
DIGEST_LENGTH = 64  # sha256 in hexadecimal


class ContractError(ValueError):
    """A file that does not keep the contract: one sentence with what was expected and found."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One highway layer; `number` is its place among the highway layers as trained, from 1."""

    name: str
    kind: str
    width: int
    number: int


@dataclass(frozen=True, kw_only=True)
class Input:
    """What a row is: an image of `shape` (height, width), or a table's (columns,), stored flat.

    `features` names a table's columns and is empty for images; `low` and `high` bound the values
    where the unit does.
    """

    kind: Literal["image", "table"]
    shape: tuple[int, ...]
    unit: str
    low: float | None = None
    high: float | None = None
    features: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """The number of values in a row."""
        return prod(self.shape)


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
        values = {key: _decoded(props, key) for key in KEYS}
        if values["contract"] != CONTRACT_VERSION or values["contract"] is True:
            raise ContractError(
                f"metadata 'highway.contract': expected version {CONTRACT_VERSION}, "
                f"found {values['contract']!r}; export the model again with this release"
            )
        labels = _list(values, "labels", str, "strings")
        layers = _list(values, "layers", dict, "objects")
        if len(labels) < 2:
            raise _wrong("labels", "at least two labels", f"{len(labels)}")
        if len(set(labels)) != len(labels):
            raise _wrong("labels", "labels that differ", "the same label twice")
        return cls(
            name=_path_part(values, "name"),
            version=_path_part(values, "version"),
            labels=tuple(labels),
            layers=tuple(_layer(layer) for layer in layers),
            input=_input(_value(values, "input", dict, "an object")),
            training=_value(values, "training", dict, "an object"),
            gate_baseline=_value(values, "gate_baseline", dict, "an object"),
            verification=_value(values, "verification", dict, "an object"),
        )


def digest(content: bytes, recorded: str) -> str:
    """Return the sha256 of a file that holds its own digest: `recorded` counts as so many zeros."""
    return hashlib.sha256(content.replace(recorded.encode(), b"0" * DIGEST_LENGTH)).hexdigest()


def _decoded(props: Mapping[str, str], key: str) -> Any:
    if PREFIX + key not in props:
        raise _wrong(key, "a value", "none; write the file with `python -m export onnx`")
    try:
        value = json.loads(props[PREFIX + key])
        json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError) as error:
        raise _wrong(key, "JSON", "text that is not") from error
    return value


def _layer(values: dict[str, Any]) -> Layer:
    return Layer(
        name=_value(values, "name", str, "a string", "layers"),
        kind=_value(values, "kind", str, "a string", "layers"),
        width=_positive(values, "width", "layers"),
        number=_positive(values, "number", "layers"),
    )


def _input(values: dict[str, Any]) -> Input:
    where = "input"
    kind = values.get("kind")
    if kind not in ("image", "table"):
        raise _wrong(f"{where}: kind", "'image' or 'table'", repr(kind))
    shape = _list(values, "shape", int, "numbers", where)
    if not shape or any(size < 1 for size in shape) or (kind == "table" and len(shape) != 1):
        raise _wrong(f"{where}: shape", "sizes above 0, one for a table", repr(shape))
    features = _list(values, "features", str, "strings", where)
    if features and len(features) != prod(shape):
        raise _wrong(f"{where}: features", f"{prod(shape)} names", f"{len(features)}")
    return Input(
        kind=cast(Literal["image", "table"], kind),
        shape=tuple(shape),
        unit=_value(values, "unit", str, "a string", where),
        low=_bound(values, "low"),
        high=_bound(values, "high"),
        features=tuple(features),
    )


def _value(values: dict[str, Any], key: str, kind: type, name: str, where: str = "") -> Any:
    value = values.get(key)
    # bool is an int to Python, but never a number of the contract.
    if not isinstance(value, kind) or isinstance(value, bool):
        raise _wrong(f"{where}: {key}" if where else key, name, type(value).__name__)
    return value


def _list(values: dict[str, Any], key: str, kind: type, name: str, where: str = "") -> list[Any]:
    items: list[Any] = _value(values, key, list, f"a list of {name}", where)
    if not all(isinstance(item, kind) and not isinstance(item, bool) for item in items):
        raise _wrong(f"{where}: {key}" if where else key, f"a list of {name}", "other items")
    return items


def _positive(values: dict[str, Any], key: str, where: str) -> int:
    number: int = _value(values, key, int, "a whole number", where)
    if number < 1:
        raise _wrong(f"{where}: {key}", "a whole number above 0", repr(number))
    return number


def _path_part(values: dict[str, Any], key: str) -> str:
    text: str = _value(values, key, str, "a string")
    if not re.fullmatch(r"[A-Za-z0-9._-]+", text):  # it stands in URLs
        raise _wrong(key, "letters, digits, '.', '_' or '-'", "others")
    return text


def _bound(values: dict[str, Any], key: str) -> float | None:
    value = values.get(key)
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _wrong(f"input: {key}", "a number or null", type(value).__name__)
    return float(value)


def _wrong(key: str, expected: str, found: str) -> ContractError:
    return ContractError(f"metadata '{PREFIX}{key}': expected {expected}, found {found}")
