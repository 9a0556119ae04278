"""The one shape of errors."""

from pydantic import BaseModel


class ErrorResponse(BaseModel):
    """Every error, of any route: what was wrong, what was expected, what was found."""

    error: str
