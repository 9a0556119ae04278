"""Reports of verification and export, and a file's summary, as values and as text."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rich.table import Table
from rich.text import Text

from service.contract import Column, ContractError, Metadata
from service.terminal import bar, escaped, fit, shown

LARGEST_BATCH = 1024  # the service's default for the rows of a request
SMALL_BATCHES = (1, 2, 3, 7, 32)
MULTIPLE = 8.0  # allowed error of the file, in errors of float32
TYPICALITY_FACTOR = 8.0  # for typicality: engines differ more where gates hardly vary


@dataclass(frozen=True, kw_only=True)
class LabelReport:
    """Accuracies in [0, 1] on the test rows.

    `ties` are the indices of rows whose two largest logits are too close for float32 to decide.
    """

    torch_accuracy: float
    accuracy: float
    ties: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class OutputReport:
    """Errors of one output on the rows of one reference.

    Errors are the largest differences from float64, relative to the row's largest logit where that
    is above 1: of torch in float32, and of the file over all backends.
    """

    reference: str
    output: str
    float32_error: float
    largest_error: float
    allowed: float


@dataclass(frozen=True, kw_only=True)
class Report:
    """A passed verification.

    `largest_difference` is, by output, the largest absolute difference between torch and
    onnxruntime in float32, over all test rows.
    """

    test_rows: int
    outputs: tuple[OutputReport, ...]
    largest_difference: dict[str, float]
    labels: LabelReport


@dataclass(frozen=True, kw_only=True)
class QuantisedReport:
    """Changes from the verified float32 file to int8, over all test rows."""

    label_changes: int
    test_rows: int
    accuracy: float
    largest_probability_change: float
    largest_gate_mean_change: float


@dataclass(frozen=True, kw_only=True)
class ExportReport:
    """A finished export; `quantised` and the ratios compare int8 with float32.

    `latency_ratios` are for 1 and 32 rows. They depend on the machine, so the file has none.
    """

    report: Report
    quantised: QuantisedReport | None = None
    byte_ratio: float = 1.0
    latency_ratios: tuple[float, float] = (1.0, 1.0)


def report_table(report: Report) -> Table:
    """Return a table of the largest errors, float32's own errors and the allowed ones."""
    caption = (
        "divided by the row's largest logit where that is above 1; allowed: "
        f"{MULTIPLE:g} times the error of torch in float32, {MULTIPLE * TYPICALITY_FACTOR:g} times "
        "for typicality; file: the largest error at all optimisation levels, with 1 and 2 threads, "
        f"in batches of {', '.join(map(str, SMALL_BATCHES))} and {LARGEST_BATCH}, and of onnx's "
        "reference evaluator"
    )
    table = Table("rows", "output", title="errors relative to float64", caption=caption)
    table.title_justify = table.caption_justify = "left"
    for title in ("torch in float32", "file", "allowed"):
        table.add_column(title, justify="right")
    for output in report.outputs:
        errors = (output.float32_error, output.largest_error, output.allowed)
        table.add_row(output.reference, output.output, *(f"{error:.1e}" for error in errors))
    return fit(table)


def report_sentence(report: Report) -> str:
    """Return the results on all test rows as one sentence."""
    labels = report.labels
    rows = ", ".join(map(str, labels.ties))
    ties = f", {len(labels.ties)} ties: rows {rows}" if rows else ""
    return (
        f"all {report.test_rows:,} test rows: same labels as torch, accuracy "
        f"{labels.accuracy:.2%} (torch {labels.torch_accuracy:.2%}), largest difference of "
        f"logits {report.largest_difference['logits']:.1e}{ties}"
    )


def quantised_sentence(export: ExportReport) -> str:
    """Return the changes by int8 as one sentence."""
    assert export.quantised is not None
    small = export.quantised
    one, many = export.latency_ratios
    return (
        f"int8: {small.label_changes} of {small.test_rows:,} test rows have another label, "
        f"accuracy {small.accuracy:.2%} (float32 {export.report.labels.accuracy:.2%}), "
        f"probabilities within {small.largest_probability_change:.2f}, mean gates within "
        f"{small.largest_gate_mean_change:.3f}; {export.byte_ratio:.2f} times the bytes, "
        f"{one:.2f} times the latency for 1 row and {many:.2f} for 32 on this machine"
    )


def summary(metadata: Metadata, size: int) -> Table:
    """Return a table of network, data, scores, gates and verification, one fact per row.

    The contract does not specify all of the metadata; values of another form than those of
    `highway export` are a `ContractError`.
    """
    try:
        facts = list(_facts(metadata, size))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ContractError(
            "metadata: training, gate baseline or verification are not as `highway export` writes "
            "them; export the run again"
        ) from error
    title = Text(escaped(f"{metadata.name} version {metadata.version}"))
    table = Table(title=title, show_header=False)
    table.add_column(style="bold")
    table.add_column()
    for name, fact in facts:
        table.add_row(Text(escaped(name)), Text(escaped(fact)))
    return fit(table)


def _facts(metadata: Metadata, size: int) -> Iterator[tuple[str, str]]:
    training, row = metadata.training, metadata.input
    bounds = "" if row.low is None or row.high is None else f" from {row.low:g} to {row.high:g}"
    yield "file", f"{size:,} bytes, digest {metadata.verification['digest']}"
    yield "input", f"{row.kind} {'×'.join(map(str, row.shape))}, {row.unit}{bounds}"
    if row.columns:
        yield "columns", ", ".join(map(_column, row.columns))
    yield "labels", ", ".join(map(shown, metadata.labels))
    pruning = training.get("pruning")
    pruned = f", pruned from {pruning['trained_layers']}" if pruning else ""
    yield "network", f"{training.get('preset')}, {len(metadata.layers)} highway layers{pruned}"
    yield "data", f"{training.get('data')}, digest {training.get('data_digest')}"
    yield "settings", _pairs(training.get("config", {}))
    yield "scores", _pairs(training.get("metrics", {}))
    yield "source", f"{training.get('source_revision')}"
    yield "verified", _verification(metadata.verification)
    means = metadata.gate_baseline["overall"]["mean"]
    for layer, mean in zip(metadata.layers, means, strict=True):
        yield layer.name, f"{bar(mean)} {mean:.3f} open, {layer.width} units"


def _verification(record: Mapping[str, Any]) -> str:
    """Return the recorded report as text; parts that the file lacks are left out."""
    report = record.get("report", {})
    labels, quantised = report.get("labels", {}), record.get("quantised")
    parts = [
        f"{record.get('precision', 'float32')}",
        f"{report.get('test_rows', 0):,} test rows compared with torch",
    ]
    if labels:
        parts.append(f"accuracy {labels['accuracy']:.2%}, {len(labels['ties'])} ties")
    if quantised:
        changes = quantised["label_changes"]
        parts.append(f"as int8 {quantised['accuracy']:.2%}, {changes} other labels")
    differences = report.get("largest_difference", {})
    parts += [f"{name} within {value:.1e}" for name, value in differences.items()]
    golden = len(record.get("golden", {}).get("input", []))
    return ", ".join([*parts, f"{golden} golden rows"])


def _column(column: Column) -> str:
    if not column.categories:
        return shown(column.name)
    return f"{shown(column.name)} ({' / '.join(map(shown, column.categories))})"


def _pairs(values: dict[str, object]) -> str:
    return ", ".join(
        f"{key} {value:.6g}" if isinstance(value, float) else f"{key} {value}"
        for key, value in values.items()
    )
