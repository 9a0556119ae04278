"""What the server and its models tell of themselves, and whether they answer."""

from pydantic import BaseModel


class Health(BaseModel):
    """Both fields, whichever of the two was asked for; the status code says the same."""

    live: bool
    ready: bool


class ServerMetadata(BaseModel):
    """`GET /v2` of the Open Inference Protocol."""

    name: str
    version: str
    extensions: list[str]


class TensorMetadata(BaseModel):
    """One input or output; −1 stands for the batch."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(BaseModel):
    """`GET /v2/models/{name}` of the Open Inference Protocol; every property is a string."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]
    properties: dict[str, str]


class ModelReady(BaseModel):
    """Whether one model answers; the status code says the same."""

    name: str
    ready: bool


class ServedModel(BaseModel):
    """One version of a model in the list of models."""

    name: str
    version: str
    ready: bool


class ModelList(BaseModel):
    """All models; the first is the one that `/predict` asks."""

    models: list[ServedModel]
