"""Export of a run: build the graph, verify the file, and only then write it."""

from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from export.comparison import check_accuracy, verify_against_run
from export.errors import WriteError
from export.files import write_file
from export.graph import build_graph
from export.int8 import quantise_file
from export.metadata import describe, golden_rows, serialise, set_description
from export.report import ExportReport
from export.trained_run import TrainedRun
from export.verification import OnProgress
from service.classifier import Classifier


def export(
    run_path: Path,
    path: Path,
    on_progress: OnProgress,
    *,
    name: str | None = None,
    version: str = "1",
    precision: Literal["float32", "int8"] = "float32",
    max_label_changes: float = 0.5,
) -> ExportReport:
    """Write the run's network to `path`, verified; on any error `path` stays unchanged.

    `max_label_changes`, for int8, is in percent of the test rows.
    """
    _check_target(path)
    on_progress("run")
    run = TrainedRun.read(run_path)
    on_progress("graph")
    metadata = describe(run, name=name, version=version)
    model = build_graph(run.served)
    set_description(model, metadata)
    record: dict[str, Any] = {"golden": golden_rows(run.served, run.dataset)}
    report = verify_against_run(serialise(model, metadata, record), run, on_progress)
    check_accuracy(report, run)
    record = {"precision": "float32", "report": asdict(report), **record}
    content = serialise(model, metadata, record)
    exported = ExportReport(report=report)
    if precision == "int8":
        on_progress("int8")
        content, exported = quantise_file(content, report, run, max_label_changes=max_label_changes)
    on_progress("file")
    Classifier(content)  # the last check: the service can load these bytes
    write_file(path, content)
    return exported


def _check_target(path: Path) -> None:
    try:
        if path.exists() and not path.is_file():
            found = "directory" if path.is_dir() else "special file"
            raise WriteError(f"{path}: expected the name of a file to write, found a {found}")
        if not path.parent.is_dir():
            raise WriteError(f"{path}: the folder {path.parent} does not exist")
    except OSError as error:  # a name that is too long, a loop of links
        raise WriteError(f"{path}: cannot be written: {error.strerror}") from error
