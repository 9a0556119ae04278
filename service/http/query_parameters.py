"""Query parameters that FastAPI reads into a model: each may be given once."""

from collections.abc import Awaitable, Callable

from fastapi import Request
from pydantic import BaseModel

from service.errors import QueryError


def each_once(model: type[BaseModel]) -> Callable[[Request], Awaitable[None]]:
    """Return a dependency that raises `QueryError`, where FastAPI would use the last value."""

    async def refuse_repeated(request: Request) -> None:
        names = [name for name, _ in request.query_params.multi_items()]
        for name in model.model_fields:
            if names.count(name) > 1:
                raise QueryError(f"{name}: expected one value, found {names.count(name)}")

    return refuse_repeated
