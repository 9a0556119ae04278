"""The numbers by which the ledger knows models; several processes agree on them."""

import json
from collections.abc import Iterable

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from service.contract import Metadata
from service.ledger.model_key import ModelKey, key_of
from service.ledger.tables import models


class KnownModels:
    """Remembers the numbers that this process has asked for."""

    def __init__(self) -> None:
        self._numbers: dict[ModelKey, int] = {}

    def forget(self) -> None:
        """Ask again: the database may be another one."""
        self._numbers.clear()

    def number(self, metadata: Metadata) -> int:
        """Return the number of a model that was learnt."""
        return self._numbers[key_of(metadata)]

    def learn(self, connection: Connection, answered: Iterable[Metadata]) -> None:
        """Find the numbers of models, or give them one, in a transaction of its own."""
        for metadata in answered:
            key = key_of(metadata)
            if key not in self._numbers:
                number = _find(connection, key)
                if number is None:
                    _add(connection, metadata)
                    number = _find(connection, key)
                assert number is not None
                self._numbers[key] = number


def _find(connection: Connection, key: ModelKey) -> int | None:
    name, version, digest = key
    same = (models.c.name == name, models.c.version == version, models.c.digest == digest)
    with connection.begin():
        found: int | None = connection.scalar(select(models.c.number).where(*same))
    return found


def _add(connection: Connection, metadata: Metadata) -> None:
    name, version, digest = key_of(metadata)
    values = {"name": name, "version": version, "digest": digest}
    values["labels"] = json.dumps(metadata.labels)  # in ASCII: PostgreSQL takes no NUL
    values["layers"] = json.dumps([layer.name for layer in metadata.layers])
    try:
        with connection.begin():
            connection.execute(insert(models).values(values))
    except IntegrityError:  # another process was quicker
        return
