"""The friendly door: rows in, predictions out."""

from typing import Annotated

from pydantic import BaseModel, Field

Value = float | str | bool | None
Factor = Annotated[float, Field(ge=0, le=10)]
Scale = list[Factor] | dict[str, Factor]


class PredictRequest(BaseModel):
    """Rows in the data's own unit.

    An image's row is flat, or a list of its lines of pixels. A table's row is an object by column
    name, or a list in the order of the columns; null stands for a missing value. The property
    `input` of `GET /v2/models/{name}` names the columns and their categories.
    """

    instances: list[
        dict[str, Value] | list[Value] | list[list[float]] | list[list[list[float]]]
    ] = Field(min_length=1, description="all rows in the form of the first")
    gate_scale: Scale | list[Scale] | None = Field(
        default=None,
        description="what each layer's gates are multiplied by, in order or by its name, once for "
        "all rows or for each; 0 closes a layer",
    )


class Unusual(BaseModel):
    """What share of normal rows, held out of the training, looks less usual than this one.

    0.003 says that 3 of 1,000 do. `both` is the share for the two signs together.
    """

    gates: float = Field(gt=0, le=1, description="by the gates, given the predicted label")
    confidence: float = Field(gt=0, le=1, description="by the logits alone")
    both: float = Field(gt=0, le=1)


class Prediction(BaseModel):
    """What the network says of one row."""

    label: str
    probability: float = Field(ge=0, le=1, description="of the label")
    probabilities: list[float] = Field(description="of every label, in the model's order")
    gate_mean: list[float] = Field(description="mean transform gate of every highway layer")
    unusual: Unusual


class PredictResponse(BaseModel):
    """One prediction for each row, in the order of the rows."""

    model_name: str
    model_version: str
    predictions: list[Prediction]
