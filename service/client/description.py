"""What a model says of itself at `GET /v2/models/{name}`."""

from dataclasses import dataclass

from pydantic import BaseModel, Field, Json, ValidationError

from service.client.exchange import Reply
from service.client.tensors import unreadable_json
from service.contract import Input, Layer


@dataclass(frozen=True, kw_only=True)
class ModelDescription:
    """`labels` and `layers` are in the order of the columns of probabilities and gates."""

    name: str
    versions: tuple[str, ...]
    labels: tuple[str, ...]
    layers: tuple[Layer, ...]
    input: Input

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The names alone."""
        return tuple(layer.name for layer in self.layers)


class _Properties(BaseModel):
    labels: Json[tuple[str, ...]]
    layers: Json[tuple[Layer, ...]]
    input: Json[Input]


class _Model(BaseModel):
    name: str
    versions: tuple[str, ...]
    properties: _Properties


class _Listed(BaseModel):
    name: str


class _Models(BaseModel):
    models: list[_Listed] = Field(min_length=1)


def read_description(reply: Reply) -> ModelDescription:
    """Read one model's description; what cannot be read is an `AnswerError`."""
    try:
        model = _Model.model_validate_json(reply.content)
    except ValidationError as error:
        raise unreadable_json(error) from error
    return ModelDescription(
        name=model.name,
        versions=model.versions,
        labels=model.properties.labels,
        layers=model.properties.layers,
        input=model.properties.input,
    )


def read_default_name(reply: Reply) -> str:
    """Return the first name of `GET /v2/models`; a list of none is an `AnswerError`."""
    try:
        return _Models.model_validate_json(reply.content).models[0].name
    except ValidationError as error:
        raise unreadable_json(error) from error
