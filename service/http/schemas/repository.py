"""The protocol's model repository extension: its index."""

from typing import Literal

from pydantic import BaseModel, Field


class IndexRequest(BaseModel):
    """Which models `POST /v2/repository/index` should list."""

    ready: bool = Field(default=False, description="only those that answer")


class IndexEntry(BaseModel):
    """One version of a model in the repository's index."""

    name: str
    version: str
    state: Literal["READY", "UNAVAILABLE"]
    reason: str
