"""The artifact's contract: the tensors and the metadata that an `.onnx` file must have.

Metadata travels in the file's `metadata_props`, each value as JSON. The service owns the contract,
so that a container needs nothing of the exporter. This module needs the standard library and
pydantic only: `models` and `export` import it too.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cached_property
from math import prod
from typing import Annotated, Any, Literal, get_type_hints

from pydantic import Field, TypeAdapter, ValidationError

from service.baselines import HeldOutRows, InputBaseline, read_held_out, read_inputs
from service.contract_errors import (
    PREFIX,
    check_count,
    check_distinct,
    contract_error,
    expect,
    shown,
)
from service.contract_errors import ContractError as ContractError  # for all readers

CONTRACT_VERSION = 4

INPUT = "input"  # float32 (batch, features): values in the data's own unit
GATE_SCALE = "gate_scale"  # float32 (rows, layers), rows 1 or batch; default ones; 0 closes a layer
LOGITS = "logits"  # float32 (batch, classes)
PROBABILITIES = "probabilities"  # float32 (batch, classes): softmax of the logits
GATE_MEAN = "gate_mean"  # float32 (batch, layers): mean transform gate of each highway layer
GATE_UNITS = "gate_units"  # float32 (batch, sum of widths): the gates, layer after layer
TYPICALITY = "typicality"  # float32 (batch, 3): p-values in (0, 1], columns below
LAYER_TYPICALITY = "layer_typicality"  # float32 (batch, layers): p-values of single layers' gates
OUTPUTS = (LOGITS, PROBABILITIES, GATE_MEAN, GATE_UNITS, TYPICALITY, LAYER_TYPICALITY)

# A p-value is the share of held-out rows that look less usual: small is unusual.
TYPICALITY_COLUMNS = ("gates", "confidence", "combined")

PRECISIONS = ("float32", "int8")  # of the weights and products; `verification` records which
BOOLEAN_CATEGORIES = ("false", "true")
ISO = "iso"  # the date format of ISO 8601
# The years 1 to 9999 in days since 1970-01-01; float32 rounds the last second to the next day.
FIRST_DAY, LAST_DAY = -719162, 2932897
KINDS = ("number", "category", "date")  # that users declare; a date may have a format
DECIMALS = (".", ",")
DIGEST_LENGTH = 64  # sha256 in hexadecimal
MAX_NAME_LENGTH = 100  # a model's name and version are part of URLs and file names

# Bounds of what a file can make the server hold, each far above any network of this project.
MAX_METADATA_BYTES = 1 << 25  # all values together; as Python objects they take 8 to 16 times that
MAX_LABELS = 10_000
MAX_LAYERS = 1_000
MAX_COLUMNS = 100_000
MAX_CATEGORIES = 1_000  # of a column
MAX_GOLDEN_ROWS = 64

Size = Annotated[int, Field(gt=0, le=2**31 - 1)]
Bound = Annotated[float, Field(allow_inf_nan=False)]


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table: numbers, dates, or the index from 0 of each row's category.

    Booleans are the categories "false" and "true". A missing value is NaN. A date is the number of
    days since 1970-01-01, with a fraction for the time of day; `date` is the format of its strings,
    "iso" or one of `datetime.strptime`, and None for other columns. `unit` is what the strings of a
    number add to it, such as "kg" or "%".
    """

    name: str
    categories: tuple[str, ...] = ()
    date: str | None = None
    unit: str = ""

    @property
    def is_boolean(self) -> bool:
        """Whether the column holds booleans."""
        return self.categories == BOOLEAN_CATEGORIES


@dataclass(frozen=True, kw_only=True)
class TextFormat:
    """How the text of a table is read, as the user declared it; the defaults declare nothing.

    `columns` are pairs of a column and its kind: "number", "category", "date" or "date:FORMAT".
    `missing` are strings that mark missing values, besides the usual ones. `decimal` is "." or ",".
    A delimiter or an encoding that is None is found in the file.
    """

    columns: tuple[tuple[str, str], ...] = ()
    missing: tuple[str, ...] = ()
    decimal: str = "."
    delimiter: str | None = None
    encoding: str | None = None
    keep_spaces: bool = False


@dataclass(frozen=True, kw_only=True)
class Input:
    """A row's description: an image (height, width[, 3]) or a table row (columns,), stored flat.

    `low` and `high` bound the values where the unit does; `columns` is empty for images. `text` is
    how the text of a table was read in training.
    """

    kind: Literal["image", "table"]
    shape: tuple[Size, ...]
    unit: str
    low: Bound | None = None
    high: Bound | None = None
    columns: tuple[Column, ...] = ()
    text: TextFormat = TextFormat()

    @property
    def size(self) -> int:
        """The number of values in a row."""
        return prod(self.shape)


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One highway layer; `number` is its position among the highway layers as trained, from 1."""

    name: str
    kind: str
    width: Size
    number: Size


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """The file's description of its model; `labels` and `layers` are in the order of the outputs.

    Construction validates nothing; `from_props` validates everything that a file can hold.
    """

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
        return {PREFIX + key: json.dumps(values[key], ensure_ascii=False) for key in values}

    @classmethod
    def from_props(cls, props: Mapping[str, str]) -> "Metadata":
        """Read and validate `metadata_props`; unknown further keys are ignored."""
        version = shown(_read(props, "contract", _ANY))
        found = f"{version}; export the model again with this release"
        expect(version == f"{CONTRACT_VERSION}", "contract", f"version {CONTRACT_VERSION}", found)
        metadata = cls(**{key: _read(props, key, adapter) for key, adapter in _ADAPTERS.items()})
        _check_names(metadata)
        _check_input(metadata.input)
        _ = metadata.held_out, metadata.input_baseline  # validated now, not at their first use
        return metadata

    @cached_property
    def held_out(self) -> HeldOutRows | None:
        """Held-out rows of the gate baseline, None if the file has none."""
        return read_held_out(self.gate_baseline, labels=len(self.labels), layers=len(self.layers))

    @cached_property
    def input_baseline(self) -> InputBaseline | None:
        """Usual inputs of the gate baseline, None if the file has none."""
        is_table = self.input.kind == "table"
        return read_inputs(
            self.gate_baseline,
            categories=[len(column.categories) for column in self.input.columns],
            channels=0 if is_table else prod(self.input.shape[2:]),
        )


def precision(metadata: Metadata) -> str:
    """Return one of the `PRECISIONS`; float32 if the file does not record it."""
    found = metadata.verification.get("precision", PRECISIONS[0])
    expected = " or ".join(map(repr, PRECISIONS))
    expect(found in PRECISIONS, "verification: precision", expected, shown(found))
    return str(found)


def is_date_format(date_format: str) -> bool:
    """Return whether a format is "iso", or one of `datetime.strptime` that has the year."""
    if date_format == ISO:
        return True
    # Without the year, strptime assumes 1900.
    if len(date_format) > MAX_NAME_LENGTH or not re.search("%[YyGcxD]", date_format):
        return False
    example = datetime(2003, 4, 5)
    try:
        return datetime.strptime(example.strftime(date_format), date_format).year == example.year
    except (ValueError, re.error):
        return False


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
        TYPICALITY: len(TYPICALITY_COLUMNS),
        LAYER_TYPICALITY: layers,
    }


_ANY: TypeAdapter[Any] = TypeAdapter(Any)
_ADAPTERS = {
    key: TypeAdapter(kind) for key, kind in get_type_hints(Metadata, include_extras=True).items()
}


def _read(props: Mapping[str, str], key: str, adapter: TypeAdapter[Any]) -> Any:
    advice = "write the file with `highway export`"
    expect(PREFIX + key in props, key, "a value", f"none; {advice}")
    try:
        return adapter.validate_json(props[PREFIX + key], strict=True)
    except ValidationError as error:
        raise contract_error(key, error) from error


def _check_names(metadata: Metadata) -> None:
    pattern = rf"(?!\.\.?$)[A-Za-z0-9._-]{{1,{MAX_NAME_LENGTH}}}"
    expected = f"1 to {MAX_NAME_LENGTH} letters, digits, '.', '_' or '-', other than '.' and '..'"
    for key, name in (("name", metadata.name), ("version", metadata.version)):
        expect(re.fullmatch(pattern, name), key, expected, shown(name))
    expect(len(metadata.labels) > 1, "labels", "at least two labels", str(len(metadata.labels)))
    check_count(metadata.labels, MAX_LABELS, "labels", "labels")
    check_count(metadata.layers, MAX_LAYERS, "layers", "layers")
    check_distinct(metadata.labels, "labels", "labels")


def _check_input(row: Input) -> None:
    columns = len(row.columns)
    check_count(row.columns, MAX_COLUMNS, "input: columns", "columns")
    if row.kind == "table":
        valid, expected = len(row.shape) == 1, "[columns] for a table"
    else:
        valid = len(row.shape) == 2 or row.shape[2:] == (3,)
        expected = "[height, width] or [height, width, 3] for an image"
    expect(valid, "input: shape", expected, str(list(row.shape)))
    count = row.size if row.kind == "table" else 0
    expect(columns == count, "input: columns", f"{count} columns by kind and shape", f"{columns}")
    check_distinct([column.name for column in row.columns], "input: columns", "names")
    for index, column in enumerate(row.columns):
        location = f"input: columns[{index}]: categories"
        check_count(column.categories, MAX_CATEGORIES, location, "categories")
        check_distinct(column.categories, location, "categories")
        if column.date is not None:
            _check_date(column, column.date, f"input: columns[{index}]: date")
    _check_text(row.text)


def _check_date(column: Column, date_format: str, location: str) -> None:
    found = shown(date_format)
    expect(not column.categories, location, "null for a column of categories", found)
    expected = "'iso' or a format of strptime that has the year"
    expect(is_date_format(date_format), location, expected, found)


def _check_text(text: TextFormat) -> None:
    location = "input: text: "
    expect(text.decimal in DECIMALS, location + "decimal", "'.' or ','", shown(text.decimal))
    for index, (_, kind) in enumerate(text.columns):
        name, colon, date_format = kind.partition(":")
        valid = name == "date" and is_date_format(date_format) if colon else kind in KINDS
        expected = "'number', 'category', 'date' or 'date:FORMAT'"
        expect(valid, f"{location}columns[{index}][1]", expected, shown(kind))
