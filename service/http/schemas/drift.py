"""How far from its held-out rows a model is used."""

from datetime import datetime

from pydantic import BaseModel, Field


class LayerDrift(BaseModel):
    """A layer's mean gate, each label's rows compared with the held-out rows of that label."""

    name: str
    number: int
    psi: float = Field(description="population stability index")
    p_value: float | None = Field(description="null where the window is not judged")
    drifting: bool


class ClassDrift(BaseModel):
    """The rows of one predicted label; `psi` is of every layer, in the model's order."""

    label: str
    rows: int
    share: float | None = Field(description="null where the window has no row")
    expected_share: float = Field(description="of the held-out rows")
    psi: list[float]


class LabelDrift(BaseModel):
    """The labels' shares."""

    psi: float
    p_value: float | None
    drifting: bool


class UnusualDrift(BaseModel):
    """Rows that look as unusual as a share of the held-out rows."""

    expected_share: float
    rows: int
    share: float | None = Field(description="null where the window has no row")
    p_value: float | None
    drifting: bool


class WindowDrift(BaseModel):
    """A window at its last look; its last slot was over a second ago, and the next is not in it."""

    window: str
    begin: datetime
    end: datetime
    slides_seconds: int = Field(description="how long until the next look, at most")
    rows: int
    threshold: float = Field(description="a p-value below it makes the window drift")
    drifting: bool
    layers: list[LayerDrift]
    labels: LabelDrift
    unusual: list[UnusualDrift]
    classes: list[ClassDrift]


class HeldOutRows(BaseModel):
    """What the windows are compared with."""

    rows: int
    part: str


class ModelDrift(BaseModel):
    """One model; without held-out rows in its artifact it has no windows and cannot drift."""

    name: str
    version: str
    held_out: HeldOutRows | None
    drifting: bool = Field(description="any of the windows")
    windows: list[WindowDrift]


class DriftResponse(BaseModel):
    """Every model's windows and the rule by which they drift."""

    rule: str
    false_alarms: str
    models: list[ModelDrift]
