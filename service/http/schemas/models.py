"""Schemas of health, metadata, repository and statistics, mostly of the Open Inference Protocol."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Health(BaseModel):
    """Health of the server; the health routes share this body but not the status code."""

    live: bool
    ready: bool


class ServerMetadata(BaseModel):
    """Server metadata of the Open Inference Protocol."""

    name: str
    version: str
    extensions: list[str]


class TensorMetadata(BaseModel):
    """One input or output; −1 is the size of the batch."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(BaseModel):
    """Model metadata of the Open Inference Protocol; every property is a string."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]
    properties: dict[str, str]


class ModelReady(BaseModel):
    """Whether a model is ready; the status code is 200 or 503 accordingly."""

    name: str
    ready: bool


class ServedModel(BaseModel):
    """One version of a model in the list of models."""

    name: str
    version: str
    ready: bool


class ModelList(BaseModel):
    """All models by name and rising version."""

    models: list[ServedModel]


class IndexRequest(BaseModel):
    """Which models `POST /v2/repository/index` lists."""

    ready: bool | None = Field(default=False, description="List only models that are ready")


class IndexEntry(BaseModel):
    """One version of a model in the index."""

    name: str
    version: str
    state: Literal["READY", "UNAVAILABLE"]
    reason: str = Field(description="Why a file was refused; a READY model may have a newer file")


class LoadRequest(BaseModel):
    """Body of the load and unload calls: no configuration, file or URL comes from the network."""

    model_config = ConfigDict(extra="forbid", strict=True)

    parameters: dict[Literal["unload_dependents"], bool] = {}


class Empty(BaseModel):
    """Body of a call that succeeded and has nothing to return."""


class Duration(BaseModel):
    """The number of events, and their total duration."""

    count: int
    ns: int


class InferenceStatistics(BaseModel):
    """Number and duration of the phases of requests; responses are not cached."""

    success: Duration
    fail: Duration
    queue: Duration
    compute_input: Duration
    compute_infer: Duration
    compute_output: Duration
    cache_hit: Duration
    cache_miss: Duration


class BatchStatistics(BaseModel):
    """The batches of `batch_size` rows."""

    batch_size: int
    compute_input: Duration
    compute_infer: Duration
    compute_output: Duration


class ModelStatistics(BaseModel):
    """One model's counters since the server started, summed over its processes."""

    name: str
    version: str
    last_inference: int = Field(description="Last request, in ms since 1970; 0 if none")
    inference_count: int = Field(description="Number of rows")
    execution_count: int = Field(description="Number of batches")
    inference_stats: InferenceStatistics
    response_stats: dict[str, Duration] = Field(description="Streamed responses; always empty")
    batch_stats: list[BatchStatistics]
    memory_usage: list[str]


class StatisticsResponse(BaseModel):
    """The statistics of one or all models."""

    model_stats: list[ModelStatistics]
