"""The caller of a request and what it may do."""

from enum import StrEnum
from typing import Annotated, Any, NamedTuple

from fastapi import Depends, Request
from starlette.types import Scope as AsgiScope


class Scope(StrEnum):  # a string's hash is faster than an enum's
    """What a caller may do; no scope includes another."""

    PREDICT = "predict"
    INSPECT = "inspect"
    ADMIN = "admin"


class Caller(NamedTuple):
    """The sender of a request: `name` is that of its API key, else its address."""

    name: str
    scopes: frozenset[Scope]


OPEN_SCOPES = frozenset({Scope.PREDICT, Scope.INSPECT})  # of every caller if no keys are set
CALLER = "caller"  # the key of the caller in an ASGI request's state


def is_admin(scope: AsgiScope) -> bool:
    """Return whether the caller of an ASGI request has the scope admin; no if it is unknown."""
    caller: Any = scope.get("state", {}).get(CALLER)
    return caller is not None and Scope.ADMIN in caller.scopes


async def client_name(request: Request) -> str:
    """Return the caller's name, for its share of the queue. A dependency of FastAPI routes."""
    caller: Any = request.scope.get("state", {}).get(CALLER)
    return "" if caller is None else str(caller.name)


ClientName = Annotated[str, Depends(client_name)]
