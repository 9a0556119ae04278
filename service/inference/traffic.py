"""The distribution of requests that name no version over the versions of a model."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import ConfigDict, Field

_NOTHING_ELSE = ConfigDict(extra="forbid")


@dataclass(frozen=True, kw_only=True)
class Canary:
    """A version that answers a share of the requests, from 0 to 1."""

    __pydantic_config__ = _NOTHING_ELSE

    version: str
    share: Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """Which versions of a model get its requests.

    `version` answers them, by default the newest that is neither of the others. `canary` answers a
    share of them. `shadow` computes all of them too, for the ledger only.
    """

    __pydantic_config__ = _NOTHING_ELSE

    version: str | None = None
    canary: Canary | None = None
    shadow: str | None = None
