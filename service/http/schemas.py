"""The shapes of requests and answers, for the OpenAPI description."""

from typing import Literal

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


class ModelReady(BaseModel):
    """Whether one model answers; the status code says the same."""

    name: str
    ready: bool


class IndexRequest(BaseModel):
    """Which models `POST /v2/repository/index` should list."""

    ready: bool = Field(default=False, description="only those that answer")


class IndexEntry(BaseModel):
    """One version of a model in the repository's index."""

    name: str
    version: str
    state: Literal["READY", "UNAVAILABLE"]
    reason: str


class Duration(BaseModel):
    """How often something happened, and how long it took in all."""

    count: int
    ns: int


class InferenceStatistics(BaseModel):
    """The phases of requests; there is no cache to hit."""

    success: Duration
    fail: Duration
    queue: Duration
    compute_input: Duration
    compute_infer: Duration
    compute_output: Duration
    cache_hit: Duration
    cache_miss: Duration


class BatchStatistics(BaseModel):
    """Runs of the model with `batch_size` rows."""

    batch_size: int
    compute_input: Duration
    compute_infer: Duration
    compute_output: Duration


class ModelStatistics(BaseModel):
    """One model's counters since the server started, summed over its processes."""

    name: str
    version: str
    last_inference: int = Field(description="ms since 1970, 0 before the first")
    inference_count: int = Field(description="rows")
    execution_count: int = Field(description="runs of the model")
    inference_stats: InferenceStatistics
    response_stats: dict[str, Duration] = Field(description="of streamed responses: there are none")
    batch_stats: list[BatchStatistics]
    memory_usage: list[str]


class StatisticsResponse(BaseModel):
    """The protocol's statistics extension."""

    model_stats: list[ModelStatistics]


class ServedModel(BaseModel):
    """One version of a model in the list of models."""

    name: str
    version: str
    ready: bool


class ModelList(BaseModel):
    """All models; the first is the one that `/predict` asks."""

    models: list[ServedModel]


Parameter = str | float | bool


class InferInput(BaseModel):
    """A tensor of a request; `data` is left out where `binary_data_size` says it is binary."""

    name: Literal["input", "gate_scale"]
    shape: list[int] = Field(min_length=2, max_length=2)
    datatype: Literal["FP32"]
    parameters: dict[str, Parameter] = {}
    data: list[float | None] | list[list[float | None]] | None = None


class InferOutput(BaseModel):
    """An output that is wanted; parameters are `binary_data` and `classification`."""

    name: Literal["logits", "probabilities", "gate_mean", "gate_units"]
    parameters: dict[str, Parameter] = {}


class InferRequest(BaseModel):
    """`POST /v2/models/{name}/infer` of the Open Inference Protocol.

    Without `outputs` all come but `gate_units`. Binary tensors follow the JSON in the body, whose
    length is then told by the header Inference-Header-Content-Length.
    """

    id: str | None = None
    parameters: dict[str, Parameter] = {}
    inputs: list[InferInput] = Field(min_length=1)
    outputs: list[InferOutput] = []


class InferTensor(BaseModel):
    """An output; of a classification the elements are texts `value:index:label`."""

    name: str
    datatype: Literal["FP32", "BYTES"]
    shape: list[int]
    parameters: dict[str, Parameter] = {}
    data: list[float] | list[str] | None = None


class InferResponse(BaseModel):
    """The outputs in the order in which they were asked for."""

    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[InferTensor]
