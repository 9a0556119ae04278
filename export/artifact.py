"""Export of a run: build the graph, verify the file, and only then write it.

From Python, for a run of a preset and for a network of one's own:

    from export import export_model

    report = export_model("runs/digits", "digits.onnx")
    report = export_model("runs/mine", "mine.onnx", network=Net())  # weights are those of the run
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from torch import nn

from export.comparison import check_accuracy, verify_against_run
from export.errors import LabelError, NumericsError, OutputValueError, WriteError
from export.files import write_file
from export.graph import build_graph
from export.int8 import quantise_file
from export.layers import check_operators
from export.metadata import describe, golden_record, serialise, set_description
from export.report import ExportReport
from export.trained_run import TrainedRun
from export.verification import OnProgress
from service.classifier import Classifier

# A file of our own exporter that fails these checks is no fault of the user's.
OUR_ERRORS = (LabelError, NumericsError, OutputValueError)
ADVICE = (
    "nothing was written; this is a fault of the export and not of your data, so please report it, "
    "and train again with another --seed meanwhile"
)


def export_model(
    run: Path | str,
    path: Path | str,
    *,
    network: nn.Module | None = None,
    name: str | None = None,
    version: str = "1",
    precision: Literal["float32", "int8"] = "float32",
    max_label_changes: float = 0.5,
    data: str | None = None,
) -> ExportReport:
    """Write the network of the run directory `run` to `path`, verified, and return the report.

    `network` is a module of the class that was trained, if it is of one's own; its weights are
    replaced by the run's in a copy. Raises `ExportError`, `ModelsError` or `ContractError`, each
    with one sentence.
    """
    return export(
        Path(run),
        Path(path),
        lambda step: None,
        module=network,
        name=name,
        version=version,
        precision=precision,
        max_label_changes=max_label_changes,
        data=data,
    )


def export(
    run_path: Path,
    path: Path,
    on_progress: OnProgress,
    *,
    module: nn.Module | None = None,
    name: str | None = None,
    version: str = "1",
    precision: Literal["float32", "int8"] = "float32",
    max_label_changes: float = 0.5,
    data: str | None = None,
) -> ExportReport:
    """Write the run's network to `path`, verified; on any error `path` stays unchanged.

    `max_label_changes`, for int8, is in percent of the test rows. `data` are the run's own data, to
    verify with all test rows instead of those that the run keeps.
    """
    _check_target(path)
    on_progress("run")
    run = TrainedRun.read(run_path, data=data, module=module)
    on_progress("graph")
    metadata = describe(run, name=name, version=version)
    model = build_graph(run.served)
    check_operators(model)
    set_description(model, metadata)
    record: dict[str, Any] = {"golden": golden_record(run.served, run.rows.golden)}
    try:
        report = verify_against_run(serialise(model, metadata, record), run, on_progress)
    except OUR_ERRORS as error:
        raise type(error)(f"{error}; {ADVICE}") from error
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
