"""A row that the ledger keeps, and the model that answered it, for who asks about it again."""

from typing import TYPE_CHECKING, NamedTuple

from starlette.concurrency import run_in_threadpool

from service.classifier import FloatArray
from service.errors import GoneError, LedgerOffError, UnknownModelError
from service.inference.models import Models, ServedModel
from service.ledger.ledger import Ledger
from service.ledger.model_key import key_of

if TYPE_CHECKING:
    from service.ledger.scopes import Model


class StoredRow(NamedTuple):
    """A row, float32 (1, features), and its model."""

    row: FloatArray
    model: ServedModel


def kept(ledger: Ledger | None) -> Ledger:
    """Return the ledger; without one it is a `LedgerOffError`."""
    if ledger is None:
        raise LedgerOffError(
            "ledger: expected one, found it off; start the server with another HIGHWAY_LEDGER_URL"
        )
    return ledger


async def stored_row(ledger: Ledger | None, models: Models, request_id: str, row: int) -> StoredRow:
    """Find the input of a recorded row.

    One that was not stored is an `UnknownRequestError`; a model that is no longer served, or only
    another of its name and version, a `GoneError`.
    """
    holder = kept(ledger)
    found = await run_in_threadpool(lambda: holder.reader.stored_input(request_id, row))
    return StoredRow(found.rows, _served(models, found.model))


def _served(models: Models, model: "Model") -> ServedModel:
    try:
        served = models.find(model.name, model.version)
    except UnknownModelError:
        served = None
    if served is None or key_of(served.metadata) != (model.name, model.version, model.digest):
        raise GoneError(
            "model: expected the one that answered the request to be served, found it gone; serve "
            f"version {model.version} of '{model.name}' again"
        )
    return served
