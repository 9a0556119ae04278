"""The description of a model: its labels, layers and input (`GET /v2/models/{name}`)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from highway_client.attempts import Response
from highway_client.json_values import FloatArray, JsonObject, parse, unreadable

BOOLEAN_CATEGORIES = ("false", "true")
USUAL_GATES = "usual_gates"


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table: of numbers, of dates, or of one of its `categories`.

    `date` is the format of a date's strings, "iso" or one of `datetime.strptime`; its number is the
    days since 1970-01-01. `unit` is what the strings of a number add to it.
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
    """How training read the text of a table; the defaults declare nothing.

    `columns` are pairs of a column and its declared kind. `missing` are further marks of missing
    values. A delimiter or an encoding that is None is found in the file.
    """

    columns: tuple[tuple[str, str], ...] = ()
    missing: tuple[str, ...] = ()
    decimal: str = "."
    delimiter: str | None = None
    encoding: str | None = None
    keep_spaces: bool = False


@dataclass(frozen=True, kw_only=True)
class Input:
    """The form of a row: an image (height, width[, 3]) or a table row (columns,), in its unit.

    `kind` is "image" or "table". `low` and `high` bound the values where the unit does. `columns`
    is empty for images. `text` is how the text of a table is read.
    """

    kind: str
    shape: tuple[int, ...]
    unit: str
    low: float | None = None
    high: float | None = None
    columns: tuple[Column, ...] = ()
    text: TextFormat = TextFormat()

    @property
    def size(self) -> int:
        """The number of values in a row."""
        return prod(self.shape)


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A highway layer; `number` counts the highway layers of the network as trained, from 1."""

    name: str
    kind: str
    width: int
    number: int


@dataclass(frozen=True, kw_only=True, eq=False)
class UsualGates:
    """The usual range of each layer's mean gate, among held-out rows of one predicted label.

    low, high: float32 (layers,), the 10th and the 90th percentile.
    """

    low: FloatArray
    high: FloatArray


@dataclass(frozen=True, kw_only=True)
class ModelDescription:
    """A model; `labels` and `layers` are in the order of the columns of probabilities and gates.

    `usual_gates` are the usual ranges by predicted label; None if the server knows none.
    """

    name: str
    versions: tuple[str, ...]
    labels: tuple[str, ...]
    layers: tuple[Layer, ...]
    input: Input
    usual_gates: Mapping[str, UsualGates] | None = None

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The names of the layers."""
        return tuple(layer.name for layer in self.layers)

    def usual_ranges(self, labels: Sequence[str]) -> tuple[FloatArray, FloatArray] | None:
        """Return the ends of the usual ranges, each (rows, layers), for rows of these labels.

        They are NaN for a label that the model does not have; None if the server knows none.
        """
        if self.usual_gates is None:
            return None
        none = np.full(len(self.layers), np.nan, np.float32)
        without = UsualGates(low=none, high=none)
        ranges = [self.usual_gates.get(label, without) for label in labels]
        shape = (len(labels), len(self.layers))
        low = np.array([each.low for each in ranges], np.float32).reshape(shape)
        return low, np.array([each.high for each in ranges], np.float32).reshape(shape)


def read_description(response: Response) -> ModelDescription:
    """Read the description of one model; a malformed one is a `ResponseError`."""
    model = JsonObject.parse(response.content)
    # The protocol allows only strings as properties, so each contains JSON.
    strings = model.object("properties")
    properties = JsonObject(
        {name: parse(strings.string(name), name) for name in ("labels", "layers", "input")}
    )
    layers = tuple(map(_layer, properties.objects("layers")))
    return ModelDescription(
        name=model.string("name"),
        versions=model.strings("versions"),
        labels=properties.strings("labels"),
        layers=layers,
        input=_input(properties.object("input")),
        usual_gates=_usual_gates(strings.optional(USUAL_GATES, strings.string), len(layers)),
    )


def read_default_name(response: Response) -> str:
    """Return the first name of `GET /v2/models`; an empty list is a `ResponseError`."""
    models = JsonObject.parse(response.content).objects("models")
    if not models:
        raise unreadable("an empty list of models")
    return models[0].string("name")


def _usual_gates(text: str | None, layers: int) -> Mapping[str, UsualGates] | None:
    """Parse the property, which servers of before 0.2 do not send."""
    by_label = JsonObject({USUAL_GATES: None if text is None else parse(text, USUAL_GATES)})
    labels = by_label.optional(USUAL_GATES, by_label.object)
    if labels is None:
        return None
    return {label: _usual(labels.object(label), layers) for label in labels}


def _usual(ranges: JsonObject, layers: int) -> UsualGates:
    """Read the usual range of each layer for one label."""
    usual = UsualGates(low=ranges.numbers("low"), high=ranges.numbers("high"))
    if not len(usual.low) == len(usual.high) == layers:
        raise unreadable(f"{USUAL_GATES} that are not those of {layers} layers")
    return usual


def _layer(layer: JsonObject) -> Layer:
    return Layer(
        name=layer.string("name"),
        kind=layer.string("kind"),
        width=layer.integer("width"),
        number=layer.integer("number"),
    )


def _input(row: JsonObject) -> Input:
    return Input(
        kind=row.string("kind"),
        shape=tuple(int(size) for size in row.numbers("shape")),
        unit=row.string("unit"),
        low=row.optional("low", row.number),
        high=row.optional("high", row.number),
        columns=tuple(map(_column, row.objects("columns"))),
        text=_text_format(row.optional("text", row.object)),
    )


# Servers of before 0.2 send neither `date` and `unit` nor `text`.
def _column(column: JsonObject) -> Column:
    return Column(
        name=column.string("name"),
        categories=column.strings("categories"),
        date=column.optional("date", column.string),
        unit=column.optional("unit", column.string) or "",
    )


def _text_format(text: JsonObject | None) -> TextFormat:
    if text is None:
        return TextFormat()
    return TextFormat(
        columns=text.string_pairs("columns"),
        missing=text.strings("missing"),
        decimal=text.string("decimal"),
        delimiter=text.optional("delimiter", text.string),
        encoding=text.optional("encoding", text.string),
        keep_spaces=text.boolean("keep_spaces"),
    )
