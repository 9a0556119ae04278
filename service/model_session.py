"""An onnxruntime session with little memory, whose long batches use all threads."""

from collections.abc import Sequence

import numpy as np

from service.arrays import FloatArray
from service.batch_parts import MEASURED_ROWS, PartLimits, PartThreads
from service.clock import work_ns
from service.contract import (
    GATE_MEAN,
    GATE_SCALE,
    INPUT,
    LAYER_TYPICALITY,
    OUTPUTS,
    PROBABILITIES,
    TYPICALITY,
)
from service.runtime import onnxruntime
from service.subgraph import subgraph

# Computed by a session of its own, and only if requested: it would cost every batch time.
ON_REQUEST = frozenset({LAYER_TYPICALITY})
# A short batch is measured often, because any interruption is long for it.
MEASURED_NS, MEASUREMENTS = 3_000_000, 20


class ModelSession:
    """A graph that onnxruntime has loaded; thread-safe."""

    def __init__(self, content: bytes, *, threads: int) -> None:
        """Load a graph with the contract's inputs and outputs, or raise onnxruntime's error."""
        usual = frozenset(OUTPUTS) - ON_REQUEST
        self.session = _session(subgraph(content, usual))
        self.on_request = _session(subgraph(content, ON_REQUEST, known=usual))
        self._needed = tuple(tensor.name for tensor in self.on_request.get_inputs())
        self._run_options = onnxruntime.RunOptions()  # to create them for each batch takes 1 µs
        self._threads = PartThreads(threads)
        self._limits = PartLimits()

    def compute(
        self, outputs: Sequence[str], rows: FloatArray, gate_scale: FloatArray | None
    ) -> list[FloatArray]:
        """Compute the named outputs of rows (n, features); `gate_scale` is (1 or n, layers)."""
        parts = self._limits.divide(len(rows), self._threads.count)
        if len(parts) == 1:
            return self._compute_part(outputs, rows, gate_scale)

        def compute(part: slice) -> list[FloatArray]:
            scale = gate_scale
            if scale is not None and len(scale) > 1:
                scale = scale[part]
            return self._compute_part(outputs, rows[part], scale)

        return self._threads.compute(parts, compute)

    def measure(self, features: int, rows: int) -> int:
        """Return the processor time of a batch on this thread in ns, the shortest of a few.

        Other work of the machine changes it less than the time that passes.
        """
        values = np.zeros((rows, features), np.float32)
        times: list[int] = []
        while len(times) < 2 or (sum(times) < MEASURED_NS and len(times) < MEASUREMENTS):
            began = work_ns()
            self.compute((PROBABILITIES, GATE_MEAN, TYPICALITY), values, None)
            times.append(work_ns() - began)
        return min(times)

    def adapt_parts(self, features: int) -> None:
        """Measure the network, and divide batches accordingly from now on."""
        one_ns, several_ns = (self.measure(features, rows) for rows in (1, MEASURED_ROWS))
        self._limits = PartLimits.measured(one_ns, several_ns)

    def fix_parts(self, rows: int) -> None:
        """Divide batches into parts of at most `rows` rows from now on, on any machine."""
        self._limits = PartLimits(least=rows, most=rows)

    def _compute_part(
        self, outputs: Sequence[str], rows: FloatArray, gate_scale: FloatArray | None
    ) -> list[FloatArray]:
        feeds = {INPUT: rows} if gate_scale is None else {INPUT: rows, GATE_SCALE: gate_scale}
        if ON_REQUEST.isdisjoint(outputs):
            computed: list[FloatArray] = self.session.run(outputs, feeds, self._run_options)
            return computed
        usual = [name for name in OUTPUTS if name in {*outputs, *self._needed} - ON_REQUEST]
        known = feeds | dict(zip(usual, self.session.run(usual, feeds), strict=True))
        requested = sorted(ON_REQUEST)
        needed = {name: known[name] for name in self._needed}
        known |= zip(requested, self.on_request.run(requested, needed), strict=True)
        return [known[name] for name in outputs]


def _session(content: bytes) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(
        content,
        _options(),
        providers=["CPUExecutionProvider"],
        enable_fallback=0,  # a fallback prints a banner and tries the same provider again
    )


def _options() -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # see service/batch_parts.py
    # An arena keeps the memory of the largest batch for good. Without one, a run gets the memory of
    # all intermediate values as one block from malloc; see service/memory.py.
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = True
    options.log_severity_level = (
        3  # errors: gate_scale, an overridable initializer, causes warnings
    )
    return options
