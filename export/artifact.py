"""From run directory to artifact: build, verify, and only then give it its name."""

import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from export.errors import OutputError, PlainNetworkError
from export.graph import ServedNetwork, build_graph
from export.metadata import describe, golden_rows
from export.quantisation import QuantisedReport
from export.report import Report
from export.sealing import describe_model, sealed
from export.standalone import Told
from export.verification import check_accuracy, verify_against_run
from export.whole_numbers import Exact, in_whole_numbers
from models.run import Run
from service.classifier import Classifier
from service.contract import PRECISIONS


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
    dataset = run.dataset()
    served = ServedNetwork(run.network(), run.unusualness())
    model = build_graph(served)
    describe_model(model, metadata)
    record: dict[str, Any] = {"golden": golden_rows(served, dataset)}
    report = verify_against_run(sealed(model, metadata, record), run, told)
    record = {"precision": "float32", "report": asdict(report), **record}
    content = sealed(model, metadata, record)
    found = Exported(report=report)
    check_accuracy(report, run)
    if wanted.precision == "int8":
        told("int8")
        exact = Exact(served=served, metadata=metadata, record=record, content=content)
        smaller = in_whole_numbers(exact, dataset, max_label_changes=wanted.max_label_changes)
        content = smaller.content
        found = Exported(
            report=report,
            quantised=smaller.report,
            byte_ratio=len(content) / len(exact.content),
            latency_ratios=smaller.latency_ratios,
        )
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
