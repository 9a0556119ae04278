"""A verified artifact, running on onnxruntime."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.artifact import check_digest, read_artifact
from service.contract import (
    GATE_MEAN,
    GATE_SCALE,
    INPUT,
    OUTPUTS,
    PROBABILITIES,
    UNUSUAL,
    ContractError,
    Metadata,
    precision,
    tensor_widths,
)
from service.drift.baseline import read_held_out
from service.runtime import onnxruntime, runtime_errors

FloatArray = NDArray[np.float32]

# What is recorded of golden rows, and how far it may be off between processors and releases of
# onnxruntime; a wrong file is far off. Where gates hardly vary on normal rows, their last digits
# tell how unusual one is. Where whole numbers are rounded the other way, a probability moves by a
# step of theirs, and unusualness by any amount.
GOLDEN = {
    "float32": {PROBABILITIES: 1e-3, GATE_MEAN: 1e-3, UNUSUAL: 0.05},
    "int8": {PROBABILITIES: 0.05, GATE_MEAN: 0.05},
}

# Everything that loading bytes as a model can raise; onnxruntime gives them no common base.
LOAD_ERRORS = (
    runtime_errors.Fail,
    runtime_errors.InvalidArgument,
    runtime_errors.InvalidGraph,
    runtime_errors.InvalidProtobuf,
    runtime_errors.NotImplemented,
    runtime_errors.RuntimeException,
    UnicodeDecodeError,  # a damaged name or metadata value, met only when it is asked for
)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the network says of `rows` rows; all float32 with one line for each row.

    logits, probabilities: (rows, classes); gate_mean: (rows, layers); gate_units: (rows, units);
    unusual: (rows, 3).
    """

    logits: FloatArray
    probabilities: FloatArray
    gate_mean: FloatArray
    gate_units: FloatArray
    unusual: FloatArray


class Classifier:
    """One loaded model; `run` may be called from several threads at once."""

    def __init__(self, content: bytes, *, threads: int = 1) -> None:
        """Load an artifact's bytes; whatever breaks the contract is a `ContractError`.

        `threads` work on one run.
        """
        try:
            self._session = _session(content, threads)
            self.metadata = Metadata.from_props(self._session.get_modelmeta().custom_metadata_map)
            _check_tensors(self._session, self.metadata)
            self.held_out = read_held_out(self.metadata)  # None where the file tells none
        except LOAD_ERRORS as error:
            raise ContractError(
                "expected an ONNX model that onnxruntime can load, found bytes that it refuses; "
                "the file is damaged or is something else"
            ) from error
        check_digest(content, self.metadata)
        self._check_golden_rows()

    @classmethod
    def load(cls, path: Path, *, public_key: Path | None = None, threads: int = 1) -> "Classifier":
        """Load an artifact from disk, signed by `public_key` where given; errors name the file."""
        content = read_artifact(path)
        if public_key is not None:  # before anything reads what the bytes mean
            from service.signature import check_signed  # its import costs what few ask for

            check_signed(path, content, public_key)
        try:
            return cls(content, threads=threads)
        except ContractError as error:
            raise ContractError(f"{path}: {error}") from error

    def run(self, rows: FloatArray, gate_scale: FloatArray | None = None) -> Answer:
        """Answer rows (n, features), n ≥ 1, in the data's own unit.

        `gate_scale`, (1 or n, layers), multiplies each layer's gates; 0 closes the layer.
        """
        return Answer(**dict(zip(OUTPUTS, self.compute(OUTPUTS, rows, gate_scale), strict=True)))

    def compute(
        self, outputs: Sequence[str], rows: FloatArray, gate_scale: FloatArray | None = None
    ) -> list[FloatArray]:
        """Compute only the `outputs` named, in their order; otherwise as `run`."""
        feeds = {INPUT: rows} if gate_scale is None else {INPUT: rows, GATE_SCALE: gate_scale}
        answers: list[FloatArray] = self._session.run(outputs, feeds)
        return answers

    def _check_golden_rows(self) -> None:
        """Answer the rows recorded when the file was verified, and compare."""
        golden = self.metadata.verification.get("golden")
        kind = precision(self.metadata)
        if not isinstance(golden, dict) or not golden.get("input"):
            raise ContractError(
                "metadata 'highway.verification': expected golden rows with their answers, found "
                "none; write the file with `python -m export onnx`"
            )
        try:
            with np.errstate(over="ignore"):  # infinity is refused below, without a warning
                rows = np.asarray(golden[INPUT], np.float32)
            answer = self.run(rows)
            found = [
                (_distance(getattr(answer, name), golden[name]), allowed)
                for name, allowed in GOLDEN[kind].items()
            ]
        except (*LOAD_ERRORS, KeyError, OverflowError, TypeError, ValueError) as error:
            raise ContractError(
                "metadata 'highway.verification': expected golden rows that the model can answer, "
                "found rows that it cannot"
            ) from error
        # numpy, unlike Python, takes NaN for the largest.
        worst, allowed = found[int(np.argmax([distance / allowed for distance, allowed in found]))]
        if not worst <= allowed:  # so written that NaN is refused
            raise ContractError(
                f"golden rows: expected the recorded answers to within {allowed}, found "
                f"a difference of {worst:.2g}; onnxruntime computes this file wrongly here"
            )


def _distance(found: FloatArray, recorded: Any) -> float:
    """Return the largest difference; another shape is a `ValueError`, and NaN stays NaN."""
    expected = np.asarray(recorded, np.float64)
    if expected.shape != found.shape:
        raise ValueError("another shape")
    difference = np.abs(found - expected).max()
    return float(difference)


def _session(content: bytes, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Between runs a thread that spins takes a whole processor for nothing.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # An arena keeps what the largest batch took, for each batch size anew, and gains no time here.
    options.enable_cpu_mem_arena = options.enable_mem_pattern = False
    options.log_severity_level = 3  # below: advice that our overridable gate_scale provokes
    return onnxruntime.InferenceSession(
        content,
        options,
        providers=["CPUExecutionProvider"],
        enable_fallback=0,  # it would print a banner and try the same provider once more
    )


def _check_tensors(session: onnxruntime.InferenceSession, metadata: Metadata) -> None:
    """Compare the graph's inputs and outputs with what the metadata promises."""
    widths = tensor_widths(metadata)
    _check_names("inputs", session.get_inputs(), (INPUT,))
    _check_names("inputs with a default", session.get_overridable_initializers(), (GATE_SCALE,))
    _check_names("outputs", session.get_outputs(), OUTPUTS)
    tensors = [
        *session.get_inputs(),
        *session.get_overridable_initializers(),
        *session.get_outputs(),
    ]
    for tensor in tensors:
        rows, *rest = tensor.shape or [1]
        if tensor.type != "tensor(float)" or isinstance(rows, int) or rest != [widths[tensor.name]]:
            raise ContractError(
                f"tensor '{tensor.name}': expected float32 (batch, {widths[tensor.name]}), "
                f"found {tensor.type} {tuple(tensor.shape)}"
            )


def _check_names(what: str, tensors: list[Any], expected: tuple[str, ...]) -> None:
    found = tuple(tensor.name for tensor in tensors)
    if found != expected:
        raise ContractError(
            f"{what}: expected {', '.join(expected)}, found {', '.join(found) or 'none'}"
        )
