"""The stored inputs: their size in bytes, and the deletion of the oldest ones.

Every transaction that adds or deletes inputs changes their total size, too, and PostgreSQL locks it
until the end, so that it is exact however many processes write. SQLite has one writer at a time.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, exists, func, insert, select, update

from service.ledger.tables import inputs, totals

CHUNK_ROWS = 500  # deleted by one statement
MAX_ROWS = 5_000  # deleted in one transaction

_TOTAL = "input_bytes"
_total = totals.c.name == _TOTAL
_oldest = select(inputs.c.sequence).order_by(inputs.c.time, inputs.c.sequence).limit(CHUNK_ROWS)


def create_total(connection: Connection) -> None:
    """Begin to count, in new tables."""
    connection.execute(insert(totals).values(name=_TOTAL, value=0))


def input_bytes(connection: Connection, *, lock: bool = False) -> int:
    """Return the size of all stored inputs, compressed, in bytes; `lock` it if it will change."""
    size = select(totals.c.value).where(_total)
    return connection.scalar(size.with_for_update() if lock else size) or 0


def add_input_bytes(connection: Connection, size: int) -> int:
    """Add to the size of the stored inputs; return the sum."""
    added = update(totals).where(_total).values(value=totals.c.value + size)
    return connection.scalar(added.returning(totals.c.value)) or 0


def delete_inputs(connection: Connection, sequence: Sequence[int]) -> int:
    """Delete the inputs of these rows; return their size."""
    input_bytes(connection, lock=True)
    chosen = delete(inputs).where(inputs.c.sequence.in_(sequence))
    sizes = connection.scalars(chosen.returning(func.length(inputs.c.content))).all()
    if sizes:
        add_input_bytes(connection, -sum(sizes))
    return sum(sizes)


def delete_inputs_before(connection: Connection, oldest_us: int) -> bool:
    """Delete a chunk of the inputs before a time; return whether there are more."""
    expired = connection.scalars(_oldest.where(inputs.c.time < oldest_us)).all()
    if expired:
        delete_inputs(connection, expired)
    return len(expired) == CHUNK_ROWS


def delete_inputs_beyond(connection: Connection, max_bytes: int) -> bool:
    """Delete the oldest inputs until the others have at most `max_bytes`; at most `MAX_ROWS`.

    Return whether there are more to delete.
    """
    excess, deleted = input_bytes(connection) - max_bytes, 0
    if excess > 0:
        excess = input_bytes(connection, lock=True) - max_bytes
    while excess > 0 and deleted < MAX_ROWS:
        sizes = connection.execute(_oldest.add_columns(func.length(inputs.c.content))).all()
        if not sizes:  # someone has deleted inputs without this module
            connection.execute(update(totals).where(_total, ~exists(_oldest)).values(value=0))
            return False
        excess -= delete_inputs(connection, _first(sizes, excess))
        deleted += len(sizes)
    return excess > 0


def _first(sizes: Sequence[tuple[int, int]], excess: int) -> list[int]:
    """Return the numbers of the first inputs that together have at least the size `excess`."""
    chosen: list[int] = []
    for number, size in sizes:
        if excess <= 0:
            break
        chosen.append(number)
        excess -= size
    return chosen
