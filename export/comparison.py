"""Comparison of a file with its run: metadata, outputs by every backend, and labels."""

from dataclasses import replace

import numpy as np
import onnx
from numpy.typing import NDArray

from export.backends import FloatValues, all_backends, in_batches, runtime_engine
from export.errors import GateScaleError, LabelError, MetadataError
from export.graph import ServedNetwork
from export.metadata import describe
from export.outputs import check_values, extreme_rows
from export.reference import Reference, torch_engine
from export.report import LARGEST_BATCH, SMALL_BATCHES, LabelReport, OutputReport, Report
from export.trained_run import TrainedRun
from export.verification import OnProgress, verify_file
from models.data.dataset import FloatRows
from service.contract import LOGITS, OUTPUTS, Metadata, precision

REFERENCE_ROWS = 500  # test rows for float64, for small batches and for every backend
SLOW_BACKEND_ROWS = 32  # for slow backends: onnx's evaluator takes seconds for a convolution
ACCURACY_TOLERANCE = 5e-4  # another machine may round differently
STANDARD_ERRORS = 4.0  # of an accuracy on a share of the test rows


def verify_against_run(content: bytes, run: TrainedRun, on_progress: OnProgress) -> Report:
    """Verify a file's bytes alone, then compare them with the network and the data of `run`."""
    metadata = verify_file(content, on_progress)
    if precision(metadata) != "float32":
        raise MetadataError(
            f"a file of precision {precision(metadata)} cannot be compared with torch; export the "
            "run again, which compares int8 with float32"
        )
    check_metadata(metadata, run)
    return _compare(content, run, on_progress)


def check_metadata(metadata: Metadata, run: TrainedRun) -> None:
    """Reject metadata that differ from the run's, other than in name and version."""
    expected = describe(run, name=metadata.name, version=metadata.version).to_props()
    found = replace(metadata, verification={}).to_props()
    for key, value in expected.items():
        if found[key] != value:
            raise MetadataError(f"metadata '{key}': not those of {run.path}; export the run again")


def check_accuracy(report: Report, run: TrainedRun) -> None:
    """Reject weights that do not reach the test accuracy that the training recorded."""
    recorded, measured = run.metrics.get("test_accuracy"), report.labels.torch_accuracy
    # The machine of the training may have rounded a few rows the other way.
    allowed = ACCURACY_TOLERANCE + (len(report.labels.ties) + 2) / report.test_rows
    if not run.rows.complete:  # a share of the test rows, whose accuracy differs by chance
        allowed += STANDARD_ERRORS * (measured * (1 - measured) / report.test_rows) ** 0.5
    if recorded is None or abs(recorded - measured) > allowed:
        raise MetadataError(
            f"{run.path}: expected the recorded test accuracy {recorded}, found {measured:.4f}; "
            "the weights are of another training, so train again"
        )


def compare_labels(
    torch_logits: FloatValues, file_logits: FloatValues, labels: NDArray[np.int64], margin: float
) -> LabelReport:
    """Compare the labels by torch's logits with those by the file's, both (rows, classes).

    A row is a tie if its two largest logits differ by no more than the sum of their errors.
    `margin` is the error of one of them, relative to the row's largest logit where that is above 1.
    Raises `LabelError` for a row with another label that is not a tie.
    """
    scale = np.maximum(1.0, np.abs(torch_logits).max(axis=1))
    second, first = np.sort(torch_logits, axis=1)[:, -2:].T
    tied = first - second <= 2 * margin * scale
    torch_labels, file_labels = torch_logits.argmax(axis=1), file_logits.argmax(axis=1)
    wrong = (torch_labels != file_labels) & ~tied
    if wrong.any():
        row = int(wrong.argmax())
        raise LabelError(
            f"test row {row}: expected torch's label {torch_labels[row]}, found {file_labels[row]}"
        )
    return LabelReport(
        torch_accuracy=float((torch_labels == labels).mean()),
        accuracy=float((file_labels == labels).mean()),
        ties=tuple(int(row) for row in tied.nonzero()[0]),
    )


def _compare(content: bytes, run: TrainedRun, on_progress: OnProgress) -> Report:
    """Compare all outputs on some test rows and on extreme rows, then all labels."""
    test = run.rows.test
    on_progress("torch in float32 and float64")
    references = _references(run.served, test.x)
    errors: dict[str, list[dict[str, float]]] = {reference.name: [] for reference in references}
    for backend in all_backends(onnx.load_from_string(content), content):
        on_progress(backend.name)
        for reference in references:
            count = SLOW_BACKEND_ROWS if backend.slow else len(reference.rows)
            scale = None if reference.gate_scale is None else reference.gate_scale[:count]
            outputs = backend.engine(reference.rows[:count], scale)
            errors[reference.name].append(reference.errors(outputs, backend.name))
    engine, rows = runtime_engine(content), references[0]
    for size in SMALL_BATCHES:
        on_progress(f"batches of {size}")
        outputs = in_batches(engine, rows.rows, size)
        errors[rows.name].append(rows.errors(outputs, f"onnxruntime, batches of {size}"))
    on_progress(f"all {len(test)} test rows")
    outputs = in_batches(engine, test.x, LARGEST_BATCH)
    check_values(outputs)
    expected = in_batches(torch_engine(run.served), test.x, LARGEST_BATCH)
    margin = rows.allowed(LOGITS) + rows.float32_error[LOGITS]
    return Report(
        test_rows=len(test),
        outputs=tuple(
            OutputReport(
                reference=reference.name,
                output=output,
                float32_error=reference.float32_error[output],
                largest_error=max(error[output] for error in errors[reference.name]),
                allowed=reference.allowed(output),
            )
            for reference in references
            for output in OUTPUTS
        ),
        largest_difference={
            output: float(np.abs(outputs[output] - expected[output]).max()) for output in OUTPUTS
        },
        labels=compare_labels(expected[LOGITS], outputs[LOGITS], test.y, margin),
    )


def _references(served: ServedNetwork, rows: FloatRows) -> list[Reference]:
    some, layers = rows[:REFERENCE_ROWS], served.layers
    few, repeated = some[:SLOW_BACKEND_ROWS], np.resize(some, (layers, rows.shape[1]))
    closed = 1 - np.eye(layers, dtype=np.float32)  # row i without layer i
    scales = np.random.default_rng(0).random((len(few), layers), np.float32)
    test_rows = Reference("test rows", served, some)
    test_rows.check_stable()
    return [
        test_rows,
        Reference("extreme rows", served, extreme_rows(rows)),
        Reference("one layer closed", served, repeated, closed, error_class=GateScaleError),
        Reference("gates scaled", served, few, scales, error_class=GateScaleError),
    ]
