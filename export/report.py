"""What a verification found: it goes into the file's metadata and to the screen."""

from dataclasses import dataclass

from export.labels import LabelReport

LARGEST_BATCH = 1024  # what the service takes in one request unless told otherwise
SMALL_BATCHES = (1, 2, 3, 7, 32)
MULTIPLE = 8.0  # of float32's own error, which the file may make
STEEP = 8.0  # times more for shares: where gates hardly vary, their errors differ by engine


@dataclass(frozen=True, kw_only=True)
class OutputReport:
    """One output on one group of rows.

    Errors are the largest distances from float64's numbers, as shares of the row's largest logit
    where that is above 1: float32's own, and the largest of every way to run the file.
    """

    rows_of: str
    output: str
    own_error: float
    largest_error: float
    allowed: float


@dataclass(frozen=True, kw_only=True)
class Report:
    """A verification that was passed.

    `largest_difference` is, for each output, the largest distance between torch and onnxruntime
    over all test rows, both in float32 and as they are.
    """

    test_rows: int
    outputs: tuple[OutputReport, ...]
    largest_difference: dict[str, float]
    labels: LabelReport
