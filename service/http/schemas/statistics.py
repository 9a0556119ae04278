"""The protocol's statistics extension."""

from pydantic import BaseModel, Field


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
