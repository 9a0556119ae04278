"""Error of a benchmark: one sentence for the user."""


class BenchmarkError(RuntimeError):
    """A requirement is missing, or a contender does not respond."""
