"""The artifact's contract: the tensors and the metadata that an `.onnx` file must have.

Metadata travels in the file's `metadata_props`, each value as JSON. The service owns the contract,
so that a container needs nothing of the exporter. This module needs the standard library and
pydantic only: `models` and `export` import it too.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cached_property
from math import prod
from typing import Annotated, Any, Literal, get_type_hints

from pydantic import Field, TypeAdapter, ValidationError

CONTRACT_VERSION = 3
PREFIX = "highway."  # of the metadata keys

INPUT = "input"  # float32 (batch, features): values in the data's own unit
GATE_SCALE = "gate_scale"  # float32 (rows, layers), rows 1 or batch; default ones; 0 closes a layer
LOGITS = "logits"  # float32 (batch, classes)
PROBABILITIES = "probabilities"  # float32 (batch, classes): softmax of the logits
GATE_MEAN = "gate_mean"  # float32 (batch, layers): mean transform gate of each highway layer
GATE_UNITS = "gate_units"  # float32 (batch, sum of widths): the gates, layer after layer
TYPICALITY = "typicality"  # float32 (batch, 3): p-values in (0, 1], columns below
OUTPUTS = (LOGITS, PROBABILITIES, GATE_MEAN, GATE_UNITS, TYPICALITY)

# A p-value is the share of held-out rows that look less usual: small is unusual.
TYPICALITY_COLUMNS = ("gates", "confidence", "combined")

PRECISIONS = ("float32", "int8")  # of the weights and products; `verification` records which
BOOLEAN_CATEGORIES = ("false", "true")
ISO = "iso"  # the date format of ISO 8601
# The years 1 to 9999 in days since 1970-01-01; float32 rounds the last second to the next day.
FIRST_DAY, LAST_DAY = -719162, 2932897
KINDS = ("number", "category", "date")  # that users declare; a date may have a format
DECIMALS = (".", ",")
GATE_BINS = 11  # of a layer's mean gate on held-out rows; the edges are its 1/11 … 10/11 quantiles
DIGEST_LENGTH = 64  # sha256 in hexadecimal
FLOAT32_MAX = 3.4028234663852886e38
MAX_NAME_LENGTH = 100  # a model's name and version are part of URLs and file names

# Bounds of what a file can make the server hold, each far above any network of this project.
MAX_METADATA_BYTES = 1 << 25  # all values together; as Python objects they take 8 to 16 times that
MAX_LABELS = 10_000
MAX_LAYERS = 1_000
MAX_COLUMNS = 100_000
MAX_CATEGORIES = 1_000  # of a column
MAX_GOLDEN_ROWS = 64

Size = Annotated[int, Field(gt=0, le=2**31 - 1)]
# Strict by themselves: held-out rows are validated as Python values, not as JSON.
RowCount = Annotated[int, Field(strict=True, ge=0, le=2**53)]
GateEdge = Annotated[float, Field(strict=True, ge=-FLOAT32_MAX, le=FLOAT32_MAX)]
Bound = Annotated[float, Field(allow_inf_nan=False)]


class ContractError(ValueError):
    """A file that breaks the contract; the message is one sentence."""


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
class HeldOutRows:
    """Mean gates of rows held out of the training, binned by predicted label and layer.

    predicted: rows of each predicted label. edges: (labels, layers, GATE_BINS − 1), the quantiles
    of the layer's mean gate for rows of that label, in rising order. counts: (labels, layers,
    GATE_BINS), those rows by the number of edges below their mean gate. `part` is the part of the
    data that the rows are from.
    """

    rows: Annotated[int, Field(strict=True, gt=0)]
    part: str
    predicted: list[RowCount]
    edges: list[list[list[GateEdge]]]
    counts: list[list[list[RowCount]]]


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
        version = _shown(_read(props, "contract", _ANY))
        found = f"{version}; export the model again with this release"
        _expect(version == f"{CONTRACT_VERSION}", "contract", f"version {CONTRACT_VERSION}", found)
        metadata = cls(**{key: _read(props, key, adapter) for key, adapter in _ADAPTERS.items()})
        _check_names(metadata)
        _check_input(metadata.input)
        _ = metadata.held_out  # validated now, not at its first use
        return metadata

    @cached_property
    def held_out(self) -> HeldOutRows | None:
        """Held-out rows of the gate baseline, None if the file has none."""
        location, value = "gate_baseline: held_out", self.gate_baseline.get("held_out")
        if value is None:
            return None
        _expect(isinstance(value, dict), location, "an object", _shown(value))
        try:
            rows = _HELD_OUT.validate_python(value)
        except ValidationError as error:
            raise _contract_error(location, error) from error
        _check_held_out(rows, len(self.labels), len(self.layers))
        return rows


def precision(metadata: Metadata) -> str:
    """Return one of the `PRECISIONS`; float32 if the file does not record it."""
    found = metadata.verification.get("precision", PRECISIONS[0])
    expected = " or ".join(map(repr, PRECISIONS))
    _expect(found in PRECISIONS, "verification: precision", expected, _shown(found))
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
    }


_ANY: TypeAdapter[Any] = TypeAdapter(Any)
_ADAPTERS = {
    key: TypeAdapter(kind) for key, kind in get_type_hints(Metadata, include_extras=True).items()
}
_HELD_OUT = TypeAdapter(HeldOutRows)


def _read(props: Mapping[str, str], key: str, adapter: TypeAdapter[Any]) -> Any:
    advice = "write the file with `highway export`"
    _expect(PREFIX + key in props, key, "a value", f"none; {advice}")
    try:
        return adapter.validate_json(props[PREFIX + key], strict=True)
    except ValidationError as error:
        raise _contract_error(key, error) from error


def _contract_error(location: str, error: ValidationError) -> ContractError:
    """Translate the first of pydantic's errors into a sentence."""
    first = error.errors(include_url=False, include_context=False)[0]
    for part in first["loc"]:
        location += f"[{part}]" if isinstance(part, int) else f": {part}"
    expected, found = first["msg"].removeprefix("Input should be "), _shown(first["input"])
    if first["type"] in ("json_invalid", "string_unicode"):
        expected, found = "JSON", "text that is not"
    elif first["type"] == "missing":
        expected, found = "a value", "none"
    elif expected.startswith(("greater", "less")):
        expected = f"a number {expected}"
    return _error(location, expected, found)


def _check_names(metadata: Metadata) -> None:
    pattern = rf"(?!\.\.?$)[A-Za-z0-9._-]{{1,{MAX_NAME_LENGTH}}}"
    expected = f"1 to {MAX_NAME_LENGTH} letters, digits, '.', '_' or '-', other than '.' and '..'"
    for key, name in (("name", metadata.name), ("version", metadata.version)):
        _expect(re.fullmatch(pattern, name), key, expected, _shown(name))
    _expect(len(metadata.labels) > 1, "labels", "at least two labels", str(len(metadata.labels)))
    _check_count(metadata.labels, MAX_LABELS, "labels", "labels")
    _check_count(metadata.layers, MAX_LAYERS, "layers", "layers")
    _check_distinct(metadata.labels, "labels", "labels")


def _check_input(row: Input) -> None:
    columns = len(row.columns)
    _check_count(row.columns, MAX_COLUMNS, "input: columns", "columns")
    if row.kind == "table":
        valid, expected = len(row.shape) == 1, "[columns] for a table"
    else:
        valid = len(row.shape) == 2 or row.shape[2:] == (3,)
        expected = "[height, width] or [height, width, 3] for an image"
    _expect(valid, "input: shape", expected, str(list(row.shape)))
    count = row.size if row.kind == "table" else 0
    _expect(columns == count, "input: columns", f"{count} columns by kind and shape", f"{columns}")
    _check_distinct([column.name for column in row.columns], "input: columns", "names")
    for index, column in enumerate(row.columns):
        location = f"input: columns[{index}]: categories"
        _check_count(column.categories, MAX_CATEGORIES, location, "categories")
        _check_distinct(column.categories, location, "categories")
        if column.date is not None:
            _check_date(column, column.date, f"input: columns[{index}]: date")
    _check_text(row.text)


def _check_date(column: Column, date_format: str, location: str) -> None:
    found = _shown(date_format)
    _expect(not column.categories, location, "null for a column of categories", found)
    expected = "'iso' or a format of strptime that has the year"
    _expect(is_date_format(date_format), location, expected, found)


def _check_text(text: TextFormat) -> None:
    location = "input: text: "
    _expect(text.decimal in DECIMALS, location + "decimal", "'.' or ','", _shown(text.decimal))
    for index, (_, kind) in enumerate(text.columns):
        name, colon, date_format = kind.partition(":")
        valid = name == "date" and is_date_format(date_format) if colon else kind in KINDS
        expected = "'number', 'category', 'date' or 'date:FORMAT'"
        _expect(valid, f"{location}columns[{index}][1]", expected, _shown(kind))


def _check_held_out(held_out: HeldOutRows, labels: int, layers: int) -> None:
    location = "gate_baseline: held_out: "
    for name, shape in (
        ("predicted", (labels,)),
        ("edges", (labels, layers, GATE_BINS - 1)),
        ("counts", (labels, layers, GATE_BINS)),
    ):
        valid, size = _has_shape(getattr(held_out, name), shape), " × ".join(map(str, shape))
        _expect(valid, location + name, f"an array of {size} numbers", "another shape")
    total = sum(held_out.predicted)
    _expect(total == held_out.rows, location + "predicted", f"{held_out.rows} rows", f"{total}")
    rising = all(edges == sorted(edges) for layer in held_out.edges for edges in layer)
    _expect(rising, location + "edges", "numbers in rising order", "another order")
    sums = [[sum(counts) for counts in layer] for layer in held_out.counts]
    valid = sums == [[rows] * layers for rows in held_out.predicted]
    _expect(valid, location + "counts", "the rows of `predicted` in every layer", "other sums")


def _has_shape(values: Any, shape: tuple[int, ...]) -> bool:
    return not shape or (
        len(values) == shape[0] and all(_has_shape(value, shape[1:]) for value in values)
    )


def _check_count(items: Sequence[object], most: int, location: str, kind: str) -> None:
    _expect(len(items) <= most, location, f"at most {most:,} {kind}", f"{len(items):,}")


def _check_distinct(names: Sequence[str], location: str, kind: str) -> None:
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise _error(location, f"distinct {kind}", f"{_shown(repeated[0])} twice")


def _expect(valid: object, location: str, expected: str, found: str) -> None:
    if not valid:
        raise _error(location, expected, found)


def _error(location: str, expected: str, found: str) -> ContractError:
    return ContractError(f"metadata '{PREFIX}{location}': expected {expected}, found {found}")


def _shown(value: object) -> str:
    """Return a value as an error message shows it: short JSON, or the kind of a container."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "an array"
    text = json.dumps(value)
    return text if len(text) <= 100 else text[:100] + "…"
