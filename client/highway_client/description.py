"""The description of a model: its labels, layers and input (`GET /v2/models/{name}`)."""

from dataclasses import dataclass
from math import prod

from highway_client.attempts import Response
from highway_client.json_values import JsonObject, parse, unreadable

BOOLEAN_CATEGORIES = ("false", "true")


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table: of numbers, or of one of its `categories`."""

    name: str
    categories: tuple[str, ...] = ()

    @property
    def is_boolean(self) -> bool:
        """Whether the column holds booleans."""
        return self.categories == BOOLEAN_CATEGORIES


@dataclass(frozen=True, kw_only=True)
class Input:
    """The form of a row: an image (height, width[, 3]) or a table row (columns,), in its unit.

    `kind` is "image" or "table". `low` and `high` bound the values where the unit does. `columns`
    is empty for images.
    """

    kind: str
    shape: tuple[int, ...]
    unit: str
    low: float | None = None
    high: float | None = None
    columns: tuple[Column, ...] = ()

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


@dataclass(frozen=True, kw_only=True)
class ModelDescription:
    """A model; `labels` and `layers` are in the order of the columns of probabilities and gates."""

    name: str
    versions: tuple[str, ...]
    labels: tuple[str, ...]
    layers: tuple[Layer, ...]
    input: Input

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The names of the layers."""
        return tuple(layer.name for layer in self.layers)


def read_description(response: Response) -> ModelDescription:
    """Read the description of one model; a malformed one is a `ResponseError`."""
    model = JsonObject.parse(response.content)
    # The protocol allows only strings as properties, so each contains JSON.
    strings = model.object("properties")
    properties = JsonObject(
        {name: parse(strings.string(name), name) for name in ("labels", "layers", "input")}
    )
    return ModelDescription(
        name=model.string("name"),
        versions=model.strings("versions"),
        labels=properties.strings("labels"),
        layers=tuple(map(_layer, properties.objects("layers"))),
        input=_input(properties.object("input")),
    )


def read_default_name(response: Response) -> str:
    """Return the first name of `GET /v2/models`; an empty list is a `ResponseError`."""
    models = JsonObject.parse(response.content).objects("models")
    if not models:
        raise unreadable("an empty list of models")
    return models[0].string("name")


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
        columns=tuple(
            Column(name=column.string("name"), categories=column.strings("categories"))
            for column in row.objects("columns")
        ),
    )
