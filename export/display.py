"""What an artifact is, on one screen."""

from rich.table import Table

from export.verification import TOLERANCE, Report
from service.contract import Column, Metadata

BAR_WIDTH = 30  # characters for a gate that is fully open


def report_table(report: Report) -> Table:
    """Show the largest differences beside what was allowed."""
    batches = ", ".join(map(str, report.batch_sizes))
    table = Table(title=f"torch against onnxruntime, batches of {batches}", title_justify="left")
    table.add_column("largest difference")
    table.add_column(f"{report.rows} test rows", justify="right")
    table.add_column("with extreme rows¹", justify="right")
    table.add_column("allowed¹", justify="right")
    for name, difference in report.largest_difference.items():
        scaled = report.largest_scaled_difference[name]
        table.add_row(name, f"{difference:.1e}", f"{scaled:.1e}", f"{TOLERANCE[name]:.0e}")
    table.caption = f"¹ as a share of the row's largest logit where above 1; {report.ties} ties"
    return table


def summary(metadata: Metadata, size: int) -> Table:
    """Show network, data, scores, gates and verification, one fact a line."""
    training, row = metadata.training, metadata.input
    table = Table(title=f"{metadata.name} version {metadata.version}", show_header=False)
    table.add_column(style="bold")
    table.add_column()
    table.add_row("file", f"{size:,} bytes, digest {metadata.verification['digest']}")
    table.add_row(
        "input", f"{row.kind} {'×'.join(map(str, row.shape))}, {row.unit}{_range(metadata)}"
    )
    if row.columns:
        table.add_row("columns", ", ".join(_column(column) for column in row.columns))
    table.add_row("labels", ", ".join(metadata.labels))
    table.add_row("network", f"{training.get('preset')}, {len(metadata.layers)} highway layers")
    table.add_row("data", f"{training.get('data')}, digest {training.get('data_digest')}")
    table.add_row("settings", _pairs(training.get("config", {})))
    table.add_row("scores", _pairs(training.get("metrics", {})))
    table.add_row("source", f"{training.get('source_revision')}")
    report = metadata.verification.get("report", {})
    table.add_row("verified", _pairs(report.get("largest_difference", {})))
    for layer, mean in zip(metadata.layers, metadata.gate_baseline["overall"]["mean"], strict=True):
        table.add_row(layer.name, f"{_bar(mean)} {mean:.3f} open, {layer.width} units")
    return table


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
