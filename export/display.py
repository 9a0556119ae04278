"""What an artifact is, on one screen."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from export.report import LARGEST_BATCH, MULTIPLE, SMALL_BATCHES, STEEP, Report
from service.contract import Column, ContractError, Metadata

if TYPE_CHECKING:
    from export.artifact import Exported

BAR_WIDTH = 30  # characters for a gate that is fully open


def report_table(report: Report) -> Table:
    """Show the largest errors beside float32's own and what was allowed."""
    table = Table(title="errors against float64", title_justify="left")
    table.add_column("on")
    table.add_column("output")
    for title in ("float32's own", "the file's", "allowed"):
        table.add_column(title, justify="right")
    for line in report.outputs:
        errors = (line.own_error, line.largest_error, line.allowed)
        table.add_row(line.rows_of, line.output, *(f"{error:.1e}" for error in errors))
    table.caption = (
        f"shares of the row's largest logit where above 1; allowed: {MULTIPLE:g} times float32's "
        f"own, of what is unusual {MULTIPLE * STEEP:g} times; the file's: the largest at all "
        "optimisation levels, 1 and 2 threads, and by onnx's reference evaluator, "
        f"batches of {', '.join(map(str, SMALL_BATCHES))} and {LARGEST_BATCH}"
    )
    table.caption_justify = "left"
    return table


def report_words(report: Report) -> str:
    """Word what the whole test set says."""
    labels = report.labels
    rows = ", ".join(map(str, labels.ties))
    ties = f", {len(labels.ties)} too close to call: rows {rows}" if rows else ""
    return (
        f"all {report.test_rows:,} test rows: the labels torch names, accuracy "
        f"{labels.accuracy:.2%} (torch {labels.torch_accuracy:.2%}), largest difference of "
        f"logits {report.largest_difference['logits']:.1e}{ties}"
    )


def quantised_words(found: "Exported") -> str:
    """Word what whole numbers of 8 bits gave up and gained."""
    assert found.quantised is not None
    small = found.quantised
    one, many = found.latency_ratios
    return (
        f"int8: {small.label_changes} of {small.test_rows:,} test rows have another label, "
        f"accuracy {small.accuracy:.2%} (float32 {found.report.labels.accuracy:.2%}), "
        f"probabilities within {small.largest_probability_change:.2f}, mean gates within "
        f"{small.largest_gate_mean_change:.3f}; {found.byte_ratio:.2f} times the bytes, here "
        f"{one:.2f} times float32's latency for 1 row and {many:.2f} for 32"
    )


def summary(metadata: Metadata, size: int) -> Table:
    """Show network, data, scores, gates and verification, one fact a line.

    Metadata that the contract leaves open and that is not as it is written is a `ContractError`.
    """
    try:
        facts = list(_facts(metadata, size))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ContractError(
            "metadata: expected training, baseline and verification as `python -m export onnx` "
            "writes them, found others"
        ) from error
    title = _plain(f"{metadata.name} version {metadata.version}")
    table = Table(title=title, show_header=False)
    table.add_column(style="bold")
    table.add_column()
    for name, fact in facts:
        table.add_row(_plain(name), _plain(fact))
    return table


def _plain(text: str) -> Text:
    """Return what a file says as text alone: neither markup nor what would steer a terminal."""
    return Text("".join(letter for letter in text if letter.isprintable()))


def _facts(metadata: Metadata, size: int) -> Iterator[tuple[str, str]]:
    training, row = metadata.training, metadata.input
    yield "file", f"{size:,} bytes, digest {metadata.verification['digest']}"
    yield "input", f"{row.kind} {'×'.join(map(str, row.shape))}, {row.unit}{_range(metadata)}"
    if row.columns:
        yield "columns", ", ".join(_column(column) for column in row.columns)
    yield "labels", ", ".join(metadata.labels)
    yield "network", _network(metadata)
    yield "data", f"{training.get('data')}, digest {training.get('data_digest')}"
    yield "settings", _pairs(training.get("config", {}))
    yield "scores", _pairs(training.get("metrics", {}))
    yield "source", f"{training.get('source_revision')}"
    yield "verified", _verified(metadata.verification)
    means = metadata.gate_baseline["overall"]["mean"]
    for layer, mean in zip(metadata.layers, means, strict=True):
        yield layer.name, f"{_bar(mean)} {mean:.3f} open, {layer.width} units"


def _network(metadata: Metadata) -> str:
    words = f"{metadata.training.get('preset')}, {len(metadata.layers)} highway layers"
    pruning = metadata.training.get("pruning")
    return f"{words}, pruned from {pruning['trained_layers']}" if pruning else words


def _verified(record: Mapping[str, Any]) -> str:
    """Word the report that the file holds, as much of it as there is."""
    report = record.get("report", {})
    labels = report.get("labels", {})
    words = [f"{record.get('precision', 'float32')}"]
    golden = len(record.get("golden", {}).get("input", []))
    words.append(f"{report.get('test_rows', 0):,} test rows against torch")
    if labels:
        words.append(f"accuracy {labels['accuracy']:.2%}, {len(labels['ties'])} ties")
    small = record.get("quantised")
    if small:
        words.append(f"as int8 {small['accuracy']:.2%}, {small['label_changes']} other labels")
    differences = report.get("largest_difference", {})
    words += [f"{name} within {value:.1e}" for name, value in differences.items()]
    return ", ".join([*words, f"{golden} golden rows"])


def _bar(share: float) -> str:
    return ("█" * round(share * BAR_WIDTH)).ljust(BAR_WIDTH, "·")


def _column(column: Column) -> str:
    return f"{column.name} ({' / '.join(column.categories)})" if column.categories else column.name


def _range(metadata: Metadata) -> str:
    row = metadata.input
    return "" if row.low is None or row.high is None else f" from {row.low:g} to {row.high:g}"


def _pairs(values: dict[str, object]) -> str:
    return ", ".join(
        f"{key} {value:.6g}" if isinstance(value, float) else f"{key} {value}"
        for key, value in values.items()
    )
