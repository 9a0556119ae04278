"""The pace of a model: the time of a row in full batches, to estimate how long rows wait."""

SMOOTHING = 0.1  # weight of one full batch in the moving average
LONGEST = 3.0  # times the expected time that a batch counts at most: a stall is not the pace


class Pace:
    """Nanoseconds per row in full batches: measured at the start, then a moving average.

    A small batch takes more time per row than a full one, so a batch is compared with the time
    that is expected for its rows: a constant, and a time for each row.
    """

    def __init__(self, max_batch_rows: int) -> None:
        """Estimate 0 until `calibrate` is called."""
        self._max_batch_rows = max_batch_rows
        self._batch_ns = 0.0  # of a batch without rows
        self._row_ns = 0.0
        self._full_ns = 0.0
        self._factor = 1.0  # of the measured times, by the expected ones
        self.ns_per_row = 0.0

    def calibrate(self, one_ns: int, many_ns: int, many: int) -> None:
        """Set the expected times from those of a batch of one row and of a batch of `many`."""
        self._row_ns = max(0, many_ns - one_ns) / max(1, many - 1)
        self._batch_ns = max(0.0, one_ns - self._row_ns)
        self._full_ns = self._batch_ns + self._max_batch_rows * self._row_ns
        self._factor = 1.0
        self.ns_per_row = self._full_ns / self._max_batch_rows

    def batch_completed(self, rows: int, ns: int) -> None:
        """Update the average with a batch, by the share of a full batch's time that it takes."""
        if not self._full_ns:
            return
        expected = self._factor * (self._batch_ns + rows * self._row_ns)
        change = min(ns, LONGEST * expected) - expected
        self._factor += SMOOTHING * change / self._full_ns
        self.ns_per_row = self._factor * self._full_ns / self._max_batch_rows
