"""The pace of a model: how long a batch takes, and a row in full batches."""

import math

SMOOTHING = 0.1  # weight of one full batch in the moving average
LEAST_FACTOR = 0.01  # of the calibrated times
LONGEST = 3.0  # times the expected time that a batch counts at most: a stall is not the pace


class Pace:
    """Times of batches in nanoseconds: measured at the start, then moving averages.

    A small batch takes more time per row than a full one, so a batch is compared with the time
    that is expected for its rows: a constant, and a time for each row. One average is that of the
    time that passes, including the time between two batches while requests wait. Others are those
    of the processor time, one for each power of two of the rows: a calibration that was disturbed
    is wrong by a different factor for few rows and for many.
    """

    def __init__(self, max_batch_rows: int) -> None:
        """Estimate nothing until `calibrate` is called."""
        self._max_batch_rows = max_batch_rows
        self._batch_ns = math.inf  # of a batch without rows
        self._row_ns = 0.0
        self._full_ns = 0.0
        self._factor = 1.0  # time that passes ÷ calibrated time
        self._batch_factors: dict[int, float] = {}  # processor ÷ calibrated time, by bits of rows
        self.ns_per_row = 0.0  # in full batches, with the time between them; 0 if unknown

    def calibrate(self, one_ns: int, many_ns: int, many: int) -> None:
        """Set the expected times from those of a batch of one row and of a batch of `many`."""
        self._row_ns = max(0, many_ns - one_ns) / max(1, many - 1)
        self._batch_ns = max(0.0, one_ns - self._row_ns)
        self._full_ns = self._batch_ns + self._max_batch_rows * self._row_ns
        self._factor = 1.0
        self._batch_factors = {}
        self.ns_per_row = self._full_ns / self._max_batch_rows

    def expected_ns(self, rows: int) -> float:
        """Return the processor time that a batch is expected to take, infinity if it is unknown."""
        factor = self._batch_factors.get(rows.bit_length(), 1.0)
        return factor * (self._batch_ns + rows * self._row_ns)

    def batch_completed(self, rows: int, processor_ns: int, ns: int) -> None:
        """Update the averages with a batch, by the share of a full batch's time that it takes.

        `ns` is the time since the batch before if requests waited then, else that of the batch.
        """
        full_ns = self._full_ns
        if not full_ns:
            return
        calibrated = self._batch_ns + rows * self._row_ns
        if calibrated:
            self._update_batch_factor(rows.bit_length(), processor_ns / calibrated)
        expected = self._factor * calibrated
        change = min(ns, LONGEST * expected) - expected
        self._factor += SMOOTHING * change / full_ns
        self.ns_per_row = self._factor * full_ns / self._max_batch_rows

    def _update_batch_factor(self, bits: int, ratio: float) -> None:
        """Update an average of processor times; a first batch longer than calibrated is believed.

        There is no limit, as for a stall: that takes no processor time.
        """
        factor = self._batch_factors.get(bits, max(1.0, ratio))
        self._batch_factors[bits] = max(LEAST_FACTOR, factor + SMOOTHING * (ratio - factor))
