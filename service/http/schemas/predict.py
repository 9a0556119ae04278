"""The friendly door: rows in, predictions out."""

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
