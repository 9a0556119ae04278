"""The classifier: a verified artifact in an onnxruntime session."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from service.arrays import FloatArray
from service.artifact import check_digest, read_artifact
from service.contract import (
    GATE_MEAN,
    GATE_SCALE,
    INPUT,
    MAX_GOLDEN_ROWS,
    OUTPUTS,
    PROBABILITIES,
    TYPICALITY,
    ContractError,
    Metadata,
    precision,
    tensor_widths,
)
from service.graph_rules import FLOAT32, TYPES, check_graph
from service.model_graph import ModelGraph, TensorType, read_graph
from service.model_session import ModelSession
from service.runtime import runtime_errors

# Recorded outputs of the golden rows, and their tolerance between processors and releases of
# onnxruntime; an error in the file causes far larger differences. Typicality depends on the gates'
# last digits where gates hardly vary on normal rows. If int8 rounds the other way, a probability
# changes by one of its steps, and typicality by any amount.
GOLDEN = {
    "float32": {PROBABILITIES: 1e-3, GATE_MEAN: 1e-3, TYPICALITY: 0.05},
    "int8": {PROBABILITIES: 0.05, GATE_MEAN: 0.05},
}

# All errors of loading bytes as a model; onnxruntime gives them no common base.
LOAD_ERRORS = (
    runtime_errors.Fail,
    runtime_errors.InvalidArgument,
    runtime_errors.InvalidGraph,
    runtime_errors.InvalidProtobuf,
    runtime_errors.NotImplemented,
    runtime_errors.RuntimeException,
)


@dataclass(frozen=True, kw_only=True)
class ModelOutputs:
    """The outputs of a batch of `rows` rows, all float32.

    logits, probabilities: (rows, classes); gate_mean: (rows, layers); gate_units: (rows, units);
    typicality: (rows, 3); layer_typicality: (rows, layers).
    """

    logits: FloatArray
    probabilities: FloatArray
    gate_mean: FloatArray
    gate_units: FloatArray
    typicality: FloatArray
    layer_typicality: FloatArray


class Classifier:
    """A loaded model; thread-safe."""

    def __init__(self, content: bytes, *, threads: int = 1) -> None:
        """Load an artifact's bytes, or raise a `ContractError`.

        `threads` is the number of threads that compute one long batch; a short one has one thread.
        """
        self.metadata = read_metadata(content)
        try:
            self._session = ModelSession(content, threads=threads)
        except LOAD_ERRORS as error:
            raise ContractError(
                "expected a graph that onnxruntime can load, found one that it rejects; "
                "export the model again with `highway export`"
            ) from error
        self._check_golden_rows()
        self._session.adapt_parts(self.metadata.input.size)

    @classmethod
    def load(cls, path: Path, *, public_key: Path | None = None, threads: int = 1) -> "Classifier":
        """Load an artifact from disk; with `public_key`, it must be signed by that key."""
        content = read_signed(path, public_key)
        try:
            return cls(content, threads=threads)
        except ContractError as error:
            raise ContractError(f"{path}: {error}") from error

    def run(self, rows: FloatArray, gate_scale: FloatArray | None = None) -> ModelOutputs:
        """Compute all outputs of rows (n, features), n ≥ 1, in the data's own unit.

        `gate_scale`, (1 or n, layers), multiplies each layer's gates; 0 closes the layer.
        """
        outputs = self.compute(OUTPUTS, rows, gate_scale)
        return ModelOutputs(**dict(zip(OUTPUTS, outputs, strict=True)))

    def compute(
        self, outputs: Sequence[str], rows: FloatArray, gate_scale: FloatArray | None = None
    ) -> list[FloatArray]:
        """Compute the named `outputs`, in their order; otherwise like `run`."""
        return self._session.compute(outputs, rows, gate_scale)

    def fix_parts(self, rows: int) -> None:
        """Compute long batches in parts of at most `rows` rows, and not in measured ones.

        The last digits of outputs depend on the rows of a part. With fixed parts, they are the same
        in every process.
        """
        self._session.fix_parts(rows)

    def measure(self, rows: int) -> int:
        """Return the processor time of a batch on this thread in ns, the shortest of a few."""
        return self._session.measure(self.metadata.input.size, rows)

    def _check_golden_rows(self) -> None:
        """Compute the golden rows, and compare with the outputs recorded at verification."""
        golden = self.metadata.verification["golden"]
        try:
            with np.errstate(over="ignore"):  # an overflow to infinity is an error below
                rows = np.asarray(golden[INPUT], np.float32)
            outputs = self.run(rows)
            differences = [
                (_max_difference(getattr(outputs, name), golden[name]), tolerance)
                for name, tolerance in GOLDEN[precision(self.metadata)].items()
            ]
        except (*LOAD_ERRORS, KeyError, OverflowError, TypeError, ValueError) as error:
            raise ContractError(
                "metadata 'highway.verification': expected golden rows that the model can compute, "
                "found rows or outputs of another shape or type"
            ) from error
        ratios = [difference / tolerance for difference, tolerance in differences]
        worst, tolerance = differences[int(np.argmax(ratios))]  # numpy: NaN is the largest
        if not worst <= tolerance:  # true for NaN
            raise ContractError(
                f"golden rows: expected the recorded outputs to within {tolerance}, found "
                f"a difference of {worst:.2g}; onnxruntime computes this file wrongly here"
            )


def read_signed(path: Path, public_key: Path | None, *, follow_link: bool = False) -> bytes:
    """Read an artifact's bytes; with `public_key`, they must be signed by that key.

    The signature is beside `path`, also if that is a symbolic link to be followed.
    """
    content = read_artifact(path, follow_link=follow_link)
    if public_key is not None:  # before the bytes are parsed
        from service.signature import check_signed  # slow to import, and needed with a key only

        check_signed(path, content, public_key)
    return content


def read_metadata(content: bytes) -> Metadata:
    """Check all of an artifact's bytes that needs no onnxruntime, and return the metadata."""
    graph = read_graph(content)
    check_graph(graph)
    metadata = Metadata.from_props(graph.metadata)
    check_digest(content, metadata)
    _check_tensors(graph, metadata)
    _check_golden_count(metadata)
    return metadata


def _check_golden_count(metadata: Metadata) -> None:
    golden = metadata.verification.get("golden")
    rows = golden.get(INPUT) if isinstance(golden, dict) else None
    if not isinstance(rows, list) or not rows:
        raise ContractError(
            "metadata 'highway.verification': expected golden rows with their outputs, found "
            "none; write the file with `highway export`"
        )
    if len(rows) > MAX_GOLDEN_ROWS:
        raise ContractError(
            f"metadata 'highway.verification': expected at most {MAX_GOLDEN_ROWS} golden rows, "
            f"found {len(rows):,}; write the file with `highway export`"
        )


def _max_difference(computed: FloatArray, recorded: Any) -> float:
    """Return the largest difference, NaN if there is one; a `ValueError` if shapes differ."""
    expected = np.asarray(recorded, np.float64)
    if expected.shape != computed.shape:
        raise ValueError("another shape")
    return float(np.abs(computed - expected).max())


def _check_tensors(graph: ModelGraph, metadata: Metadata) -> None:
    """Check the names, types and shapes of the graph's inputs and outputs."""
    widths, weights = tensor_widths(metadata), {weight.name for weight in graph.weights}
    inputs = [tensor for tensor in graph.inputs if tensor.name not in weights]
    defaults = [tensor for tensor in graph.inputs if tensor.name in weights]
    _check_names("inputs", inputs, (INPUT,))
    _check_names("inputs with a default", defaults, (GATE_SCALE,))
    _check_names("outputs", graph.outputs, OUTPUTS)
    for tensor in (*graph.inputs, *graph.outputs):
        rows, *rest = tensor.shape or [1]
        width = widths[tensor.name]
        if tensor.element_type != FLOAT32 or isinstance(rows, int) or rest != [width]:
            found = TYPES.get(tensor.element_type, (f"type {tensor.element_type}",))[0]
            shape = ", ".join(map(str, tensor.shape))
            raise ContractError(
                f"tensor '{tensor.name}': expected float32 (batch, {width}), "
                f"found {found} ({shape})"
            )


def _check_names(kind: str, tensors: Sequence[TensorType], expected: tuple[str, ...]) -> None:
    names = tuple(tensor.name for tensor in tensors)
    if names != expected:
        raise ContractError(
            f"{kind}: expected {', '.join(expected)}, found {', '.join(names) or 'none'}"
        )
