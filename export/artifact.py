"""From run directory to artifact: build, verify, and only then give it its name."""

import os
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from export.engines import runtime_engine
from export.errors import OutputError, PlainNetworkError
from export.graph import build_graph
from export.metadata import describe, golden_rows, numbers
from export.quantisation import (
    QuantisedReport,
    check_label_changes,
    compare_quantised,
    latency_ratio,
    quantised,
)
from export.report import Report
from export.sealing import describe_model, sealed
from export.standalone import Told, verify_alone
from export.verification import check_accuracy, verify_against_run
from models.data.dataset import Dataset
from models.run import Run
from service.classifier import Classifier
from service.contract import (
    GATE_MEAN,
    INPUT,
    PRECISIONS,
    PROBABILITIES,
    Metadata,
)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """How the file is to be; `max_label_changes` is in percent of the test rows, for int8."""

    name: str | None = None
    version: str = "1"
    precision: str = "float32"
    max_label_changes: float = 0.5


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What was shown of the file; `quantised` and the ratios are of int8 beside float32.

    The ratios of latencies, for 1 and 32 rows, are of this machine and so not in the file.
    """

    report: Report
    quantised: QuantisedReport | None = None
    byte_ratio: float = 1.0
    latency_ratios: tuple[float, float] = (1.0, 1.0)


def export(run: Run, path: Path, wanted: Wanted, told: Told) -> Exported:
    """Write the run's network to `path`, verified; on any error `path` is as it was before.

    `told` hears what is being done.
    """
    _check_wanted(wanted)
    _check_target(path)
    if not run.config().network.highway_blocks:
        raise PlainNetworkError(
            f"{run.path}: expected a network with highway layers, found a plain one; it has no "
            "gates to serve"
        )
    told("the graph")
    metadata = describe(run, name=wanted.name, version=wanted.version)
    network, dataset = run.network(), run.dataset()
    model = build_graph(network)
    describe_model(model, metadata)
    record: dict[str, Any] = {"golden": golden_rows(network, dataset)}
    report = verify_against_run(sealed(model, metadata, record), run, told)
    record = {"precision": "float32", "report": asdict(report), **record}
    content = sealed(model, metadata, record)
    found = Exported(report=report)
    check_accuracy(report, run)
    if wanted.precision == "int8":
        told("int8")
        smaller = quantised(model, dataset.train.x)
        found = _beside(content, smaller.SerializeToString(), dataset, report)
        assert found.quantised is not None
        check_label_changes(found.quantised, wanted.max_label_changes)
        record["quantised"] = asdict(found.quantised)
        exact, content = content, _in_whole_numbers(smaller, metadata, record)
        found = replace(found, byte_ratio=len(content) / len(exact))
    told("the file")
    _place(content, path)
    return found


def _check_target(path: Path) -> None:
    try:
        if path.is_dir():
            raise OutputError(f"{path}: expected the name of a file to write, found a directory")
        if path.exists() and not path.is_file():
            raise OutputError(f"{path}: expected the name of a file to write, found something else")
        if not path.parent.is_dir():
            raise OutputError(f"{path}: expected an existing folder {path.parent}, found none")
    except OSError as error:  # a name that is too long, a loop of links
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error


def _check_wanted(wanted: Wanted) -> None:
    if wanted.precision not in PRECISIONS:
        raise OutputError(
            f"--precision: expected {' or '.join(PRECISIONS)}, found {wanted.precision!r}"
        )
    if not 0 <= wanted.max_label_changes <= 100:
        raise OutputError(
            "--max-label-changes: expected percent of the test rows, from 0 to 100, found "
            f"{wanted.max_label_changes:g}"
        )


def _in_whole_numbers(
    smaller: onnx.ModelProto, metadata: Metadata, record: dict[str, Any]
) -> bytes:
    """Return the int8 file, which records its own answers to the golden rows, and verify it."""
    rows = np.asarray(record["golden"][INPUT], np.float32)
    answers = runtime_engine(smaller.SerializeToString(), "ALL", 1)(rows, None)
    golden = {
        INPUT: record["golden"][INPUT],
        **{name: numbers(answers[name]) for name in (PROBABILITIES, GATE_MEAN)},
    }
    content = sealed(smaller, metadata, {**record, "precision": "int8", "golden": golden})
    verify_alone(content, lambda step: None)
    return content


def _beside(exact: bytes, content: bytes, dataset: Dataset, report: Report) -> Exported:
    whole, float32 = (runtime_engine(file, "ALL", 1) for file in (content, exact))
    rows = dataset.test.x
    return Exported(
        report=report,
        quantised=compare_quantised(whole, float32, rows, dataset.test.y),
        latency_ratios=(
            latency_ratio(whole, float32, np.resize(rows, (1, rows.shape[1]))),
            latency_ratio(whole, float32, np.resize(rows, (32, rows.shape[1]))),
        ),
    )


def _place(content: bytes, path: Path) -> None:
    """Write beside the final name, load it as the service will, then move it into place."""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error
    beside = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Classifier.load(beside)
        beside.chmod(0o644)  # mkstemp's files are for their owner alone
        os.replace(beside, path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        beside.unlink(missing_ok=True)
