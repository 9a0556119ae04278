"""Why this label? The friendly door's second question."""

from typing import Literal

from pydantic import BaseModel, Field

from service.http.schemas.predict import Prediction, Value


class ExplainRequest(BaseModel):
    """One row, in any form that `/predict` takes."""

    instance: dict[str, Value] | list[Value] | list[list[float]] | list[list[list[float]]]
    gate_units: bool = Field(default=False, description="tell the gates unit by unit")


class Closed(BaseModel):
    """What the network says with the layer closed."""

    label: str
    probability: float = Field(ge=0, le=1, description="of the label that the row has as it is")
    change: float = Field(ge=-1, le=1, description="of that probability; negative: it fell")


class ExplainedLayer(BaseModel):
    """One highway layer's part in the answer."""

    name: str
    number: int = Field(ge=1, description="its place among the highway layers as trained")
    gate_mean: float = Field(ge=0, le=1)
    closed: Closed
    gate_units: list[float] | None = Field(default=None, description="where asked for")


class SmallestSet(BaseModel):
    """Layers that together change the label when closed, none of which can be spared.

    The search is greedy: a smaller set may exist that it does not find.
    """

    layers: list[str]
    label: str = Field(description="what the network says then")
    search: Literal["greedy"]


class ExplainResponse(BaseModel):
    """The answer as it is, and what it would be with layers closed."""

    model_name: str
    model_version: str
    prediction: Prediction
    layers: list[ExplainedLayer]
    hangs_on: list[str] = Field(description="layers whose closing alone changes the label")
    smallest_set: SmallestSet | None = Field(
        description="null where no set was found, not even all layers together"
    )
