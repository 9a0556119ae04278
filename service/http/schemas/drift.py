"""The response of `GET /drift`."""

from datetime import datetime

from pydantic import BaseModel, Field


class LayerDrift(BaseModel):
    """A layer's mean gate, compared with the held-out rows of the same predicted label."""

    name: str
    number: int
    psi: float = Field(description="Population stability index")
    p_value: float | None = Field(description="Null if the window is not tested")
    drifting: bool


class ClassDrift(BaseModel):
    """The rows of one predicted label."""

    label: str
    rows: int
    share: float | None = Field(description="Null if the window has no rows")
    expected_share: float = Field(description="Share of this label among the held-out rows")
    psi: list[float] = Field(description="Population stability index of each layer, in order")


class LabelDrift(BaseModel):
    """The shares of the predicted labels."""

    psi: float
    p_value: float | None
    drifting: bool


class AtypicalDrift(BaseModel):
    """The rows whose typicality is at most the expected share."""

    expected_share: float
    rows: int
    share: float | None = Field(description="Null if the window has no rows")
    p_value: float | None
    drifting: bool


class WindowDrift(BaseModel):
    """A window at its last evaluation; the slot that is being filled is not part of it."""

    window: str
    begin: datetime
    end: datetime
    slides_seconds: int = Field(description="Seconds between two evaluations")
    rows: int
    threshold: float = Field(description="The window drifts if a p-value is below this threshold")
    drifting: bool
    layers: list[LayerDrift]
    labels: LabelDrift
    atypical: list[AtypicalDrift]
    classes: list[ClassDrift]


class HeldOutPart(BaseModel):
    """The held-out rows that the windows are compared with."""

    rows: int
    part: str = Field(description="Part of the data set, such as validation")


class ModelDrift(BaseModel):
    """One model; without held-out rows in its artifact it has no windows and cannot drift."""

    summary: str = Field(description="Whether the model drifts and by what, in words")
    name: str
    version: str
    held_out: HeldOutPart | None
    drifting: bool = Field(description="Whether any window drifts")
    windows: list[WindowDrift]


class DriftResponse(BaseModel):
    """The windows of every model, and the rule of the decision."""

    summary: str = Field(description="The summaries of all models")
    rule: str
    false_alarms: str
    models: list[ModelDrift]
