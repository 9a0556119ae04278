"""A budget of the bytes that all connections of a worker hold: bodies and unread responses."""

SMALL_BODY_BYTES = 65_536  # a body up to here may use the share that is reserved for small ones


class ByteBudget:
    """Counts the bytes held; large bodies leave an eighth of the budget to small ones."""

    __slots__ = ("_large_seen", "_limit", "_limit_of_large", "used")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._limit_of_large = limit - limit // 8
        self.used = 0
        self._large_seen = True  # since the last burst ended; the start is one

    def take(self, size: int, held: int) -> bool:
        """Count `size` more bytes for a connection that holds `held`; False without room."""
        used = self.used + size
        if held + size <= SMALL_BODY_BYTES:
            if used > self._limit:
                return False
        else:
            self._large_seen = True
            if used > self._limit_of_large:
                return False
        self.used = used
        return True

    def add(self, size: int) -> None:
        """Count bytes that are held already: those of a response that its client does not read."""
        self.used += size

    @property
    def exceeded(self) -> bool:
        """Whether unread responses have exceeded the budget."""
        return self.used > self._limit

    def give(self, size: int) -> None:
        """Release bytes that were counted."""
        self.used -= size

    def burst_ended(self) -> bool:
        """Return whether large bodies have come and gone since the last time that this was True."""
        if self._large_seen and self.used <= SMALL_BODY_BYTES:
            self._large_seen = False
            return True
        return False
