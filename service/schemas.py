"""The shapes of requests and answers, for the OpenAPI description."""

from pydantic import BaseModel, Field

Value = float | str | bool | None


class PredictRequest(BaseModel):
    """Rows in the data's own unit.

    An image's row is flat, or a list of its lines of pixels. A table's row is an object by column
    name, or a list in the order of the columns; null stands for a missing value. The property
    `input` of `GET /v2/models/{name}` names the columns and their categories.
    """

    instances: list[
        dict[str, Value] | list[Value] | list[list[float]] | list[list[list[float]]]
    ] = Field(min_length=1, description="all rows in the form of the first")


class Prediction(BaseModel):
    """What the network says of one row."""

    label: str
    probability: float = Field(ge=0, le=1, description="of the label")
    probabilities: list[float] = Field(description="of every label, in the model's order")
    gate_mean: list[float] = Field(description="mean transform gate of every highway layer")


class PredictResponse(BaseModel):
    """One prediction for each row, in the order of the rows."""

    model_name: str
    model_version: str
    predictions: list[Prediction]


class ErrorResponse(BaseModel):
    """Every error, of any route: what was wrong, what was expected, what was found."""

    error: str


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
