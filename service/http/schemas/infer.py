"""Inference in the Open Inference Protocol: tensors in, tensors out."""

from typing import Literal

from pydantic import BaseModel, Field

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

    name: Literal["logits", "probabilities", "gate_mean", "gate_units", "unusual"]
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
