"""What stops a measurement: one sentence for whoever started it."""


class BenchmarkError(RuntimeError):
    """Something that is needed is missing, or a contender does not answer."""
