"""Schemas of the inference endpoints: `/predict`, `/explain` and Open Inference Protocol."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

Value = float | str | bool | None
Row = dict[str, Value] | list[Value] | list[list[float]] | list[list[list[float]]]
Factor = Annotated[float, Field(ge=0, le=10)]
Scale = list[Factor] | dict[str, Factor]
Scales = Annotated[
    Scale | list[Scale] | None,
    Field(description="One scale or a list of at most 8; by default no gate is scaled"),
]
Parameter = str | float | bool


class PredictRequest(BaseModel):
    """Rows in the data's own unit.

    An image is a flat list of pixels, or a list of rows of pixels. A row of a table is an object by
    column name, or a list in the order of the columns; null is a missing value. The property
    `input` of `GET /v2/models/{name}` names the columns and their categories.
    """

    instances: list[Row] = Field(
        min_length=1, description="Rows to predict, all in the form of the first"
    )
    gate_scale: Scale | list[Scale] | None = Field(
        default=None,
        description="Factors that multiply the gates of each layer, in layer order or by layer "
        "name, once for all rows or one per row; 0 closes a layer",
    )
    usual: bool | None = Field(
        default=False,
        description="Include the usual gates of the predicted label and each layer's typicality",
    )


class Typicality(BaseModel):
    """Calibrated p-values: the share of held-out rows that look less usual than this row.

    Small is unusual: 0.003 means that 3 of 1,000 held-out rows look less usual.
    """

    gates: float = Field(gt=0, le=1, description="By the gates, given the predicted label")
    confidence: float = Field(gt=0, le=1, description="By the logits")
    combined: float = Field(gt=0, le=1, description="By the gates and the logits' energy")


class UsualGates(BaseModel):
    """Usual mean gates of each layer: the 10th and 90th percentile of the label's held-out rows."""

    low: list[float]
    high: list[float]


class Prediction(BaseModel):
    """Prediction of one row; the last two members are present if `usual` was requested."""

    label: str
    probability: float = Field(ge=0, le=1, description="Probability of the predicted label")
    probabilities: list[float] = Field(
        description="Probability of each label, in the model's order"
    )
    gate_mean: list[float] = Field(description="Mean openness of the gates of each highway layer")
    typicality: Typicality
    usual: UsualGates | None = Field(
        default=None, description="Of the predicted label; null without held-out rows"
    )
    layer_typicality: list[float] | None = Field(
        default=None,
        description="Share of held-out rows whose gates in a layer are less usual, for each layer",
    )


class PredictResponse(BaseModel):
    """One prediction for each row, in the order of the rows."""

    model_name: str
    model_version: str
    predictions: list[Prediction]


class ExplainRequest(BaseModel):
    """One row, in any form that `/predict` accepts."""

    instance: Row
    gate_units: bool | None = Field(default=False, description="Include the gates of every unit")
    inputs: bool | None = Field(
        default=False, description="Include the effects of the columns or patches of the row"
    )


class ClosedLayer(BaseModel):
    """Prediction with one layer closed."""

    label: str
    probability: float = Field(ge=0, le=1, description="Probability of the original label")
    probability_change: float = Field(
        ge=-1, le=1, description="Change of that probability; negative if it fell"
    )


class UsualRange(BaseModel):
    """The 10th and 90th percentile of a layer's mean gate among held-out rows of a label."""

    low: float
    high: float


class ExplainedLayer(BaseModel):
    """One highway layer's contribution to the prediction."""

    name: str
    number: int = Field(
        ge=1, description="Position among the highway layers of the trained network"
    )
    gate_mean: float = Field(ge=0, le=1, description="Mean openness of the layer's gates")
    usual: UsualRange | None = Field(
        description="For the predicted label; null without held-out rows"
    )
    typicality: float = Field(
        gt=0, le=1, description="Share of held-out rows whose gates in this layer are less usual"
    )
    closed: ClosedLayer
    gate_units: list[float] | None = Field(
        default=None, description="Openness of each gate, if requested"
    )


class Counterfactual(BaseModel):
    """Layers that change the label when all are closed; each of them is needed.

    The search is greedy: a smaller set may exist.
    """

    closed_layers: list[str]
    label: str = Field(description="Label predicted with these layers closed")
    search: Literal["greedy"]


Change = Annotated[
    float,
    Field(
        ge=-1, le=1, description="Change of the original label's probability; negative if it fell"
    ),
]


class ExplainedColumn(BaseModel):
    """Prediction with one column replaced by missing or by a usual value."""

    name: str
    value: Value
    replaced_by: Value
    label: str
    probability: float = Field(ge=0, le=1, description="Probability of the original label")
    probability_change: Change


class ColumnChange(BaseModel):
    """Another value of one column."""

    name: str
    value: Value
    changed_to: Value


class InputCounterfactual(BaseModel):
    """Changes of a few columns that together change the label; each of them is needed.

    The search is greedy: a smaller change may exist.
    """

    changes: list[ColumnChange]
    label: str = Field(description="Label predicted with these changes")
    search: Literal["greedy"]


class ExplainedColumns(BaseModel):
    """The columns that the label of a table's row depends on."""

    kind: Literal["columns"]
    method: Literal["occlusion"]
    complete: bool = Field(description="Whether every column of the table was replaced alone")
    columns: list[ExplainedColumn] = Field(description="Columns that were replaced alone")
    decisive_columns: list[str] = Field(
        description="Columns that change the label when replaced alone"
    )
    counterfactual: InputCounterfactual | None = Field(
        description="Null if no change of a few columns was found that changes the label"
    )


class ExplainedPatches(BaseModel):
    """The patches that the label of an image depends on, as rows of patches.

    The patch in row i and column j begins at the pixel in row `tops[i]` and column `lefts[j]`.
    """

    kind: Literal["patches"]
    method: Literal["occlusion"]
    complete: bool
    patch: list[int] = Field(min_length=2, max_length=2, description="Height and width in pixels")
    tops: list[int] = Field(description="First pixel row of each row of patches, from 0")
    lefts: list[int] = Field(description="First pixel column of each column of patches, from 0")
    replaced_by: list[float] = Field(description="The usual value of each channel")
    label: list[list[str]] = Field(description="Label with each patch replaced")
    probability_change: list[list[Change]]


class ExplainResponse(BaseModel):
    """The prediction of a row, and its predictions with layers closed and inputs replaced."""

    model_name: str
    model_version: str
    prediction: Prediction
    layers: list[ExplainedLayer]
    decisive_layers: list[str] = Field(description="Layers that change the label when closed alone")
    counterfactual: Counterfactual | None = Field(
        description="Null if closing all layers does not change the label"
    )
    inputs: ExplainedColumns | ExplainedPatches | None = Field(
        default=None, description="What the label depends on in the row, if requested"
    )


class WhatIfRequest(BaseModel):
    """One row, in any form that `/predict` accepts, and gate scales to compute it with."""

    instance: Row
    gate_scale: Scales = None


class WhatIfPrediction(Prediction):
    """Prediction under one gate scale; what is usual is that of its label."""

    gate_units: list[list[float]] = Field(
        description="Openness of each gate before scaling, by layer"
    )


class WhatIfResponse(BaseModel):
    """One prediction for each gate scale, in the order of the scales."""

    model_name: str
    model_version: str
    digest: str = Field(description="Digest of the model's file")
    predictions: list[WhatIfPrediction]


class RecordedWhatIfResponse(WhatIfResponse):
    """The same for a recorded row."""

    instance: Row = Field(description="The stored input")


class InferInput(BaseModel):
    """An input tensor; without `data` if the parameter `binary_data_size` is set."""

    name: Literal["input", "gate_scale"]
    shape: list[int] = Field(min_length=2, max_length=2)
    datatype: Literal["FP32"]
    parameters: dict[str, Parameter] = {}
    data: list[float | None] | list[list[float | None]] | None = None


class InferOutput(BaseModel):
    """A requested output; its parameters are `binary_data` and `classification`."""

    name: Literal[
        "logits", "probabilities", "gate_mean", "gate_units", "typicality", "layer_typicality"
    ]
    parameters: dict[str, Parameter] = {}


class InferRequest(BaseModel):
    """Tensors to compute.

    Without `outputs`, all but `gate_units` and `layer_typicality` are returned. Binary tensors
    follow the JSON in the body; the header Inference-Header-Content-Length then gives the length of
    the JSON.
    """

    id: str | None = None
    parameters: dict[str, Parameter] = {}
    inputs: list[InferInput] = Field(min_length=1)
    outputs: list[InferOutput] = []


class InferTensor(BaseModel):
    """An output tensor; a classification's elements are strings `value:index:label`."""

    name: str
    datatype: Literal["FP32", "BYTES"]
    shape: list[int]
    parameters: dict[str, Parameter] = {}
    data: list[float] | list[str] | None = None


class InferResponse(BaseModel):
    """The outputs in the order of the request."""

    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[InferTensor]
