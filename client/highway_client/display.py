"""Predictions on a terminal of 80 columns."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from highway_client.description import ModelDescription
from highway_client.predictions import TYPICALITY_COLUMNS, Predictions

COMBINED = TYPICALITY_COLUMNS.index("combined")
OUT_OF = 1000  # held-out rows
BAR_WIDTH = 30  # characters for a gate that is fully open
MARKS = "▁▂▃▄▅▆▇█"  # from a closed layer to a fully open one


def one_row(predictions: Predictions, model: ModelDescription) -> Table:
    """Show the label, the typicality, and the mean gate of each layer as a bar."""
    table = Table(title=_title(predictions, model), title_justify="left", show_header=False)
    table.add_column()
    table.add_column()
    table.add_column(justify="right")
    table.add_row(Text("label", "bold"), Text(_printable(predictions.labels[0]), "bold"), "")
    probability = float(predictions.probabilities[0].max())
    table.add_row("probability", Text(_bar(probability)), f"{probability:.3f}")
    typicality = float(predictions.typicality[0, COMBINED])
    share = f"{_less_typical(typicality)} held-out rows are less typical"
    table.add_row("typicality", share, f"{typicality:.2g}", end_section=True)
    for layer, gate in zip(model.layers, predictions.gates[0].tolist(), strict=False):
        table.add_row(Text(_printable(layer.name)), Text(_bar(gate)), f"{gate:.3f}")
    return table


def many_rows(parts: Sequence[Predictions], model: ModelDescription) -> Table:
    """Show one line for each row, with a mark for each layer's mean gate."""
    table = Table(title=_title(parts[0], model), title_justify="left")
    table.add_column("row", justify="right")
    table.add_column("label")
    table.add_column("probability", justify="right")
    table.add_column("typicality", justify="right")
    table.add_column("mean gate", justify="right")
    table.add_column("gates", overflow="fold")
    table.caption = (
        "row: from 1; typicality: the share of held-out rows that are less typical; gates: one "
        f"mark for each layer, {MARKS[0]} closed to {MARKS[-1]} open"
    )
    table.caption_justify = "left"
    for part in parts:
        for label, probabilities, typicality, gates in zip(
            part.labels,
            part.probabilities,
            part.typicality[:, COMBINED],
            part.gates,
            strict=True,
        ):
            table.add_row(
                str(table.row_count + 1),
                Text(_printable(label)),
                f"{probabilities.max():.3f}",
                _less_typical(typicality),
                f"{gates.mean():.3f}" if gates.size else "",
                Text("".join(map(_mark, gates.tolist()))),
            )
    return table


def _title(predictions: Predictions, model: ModelDescription) -> Text:
    name, version = predictions.model_name, predictions.model_version
    return Text(_printable(f"{name} version {version}, {len(model.layers)} highway layers"))


def _less_typical(typicality: float) -> str:
    rows = round(typicality * OUT_OF)
    return f"{rows:,} of {OUT_OF:,}" if rows else f"under 1 of {OUT_OF:,}"


def _bar(share: float) -> str:
    return ("█" * round(share * BAR_WIDTH)).ljust(BAR_WIDTH, "·")


def _mark(gate: float) -> str:
    return MARKS[min(int(gate * len(MARKS)), len(MARKS) - 1)]


def _printable(text: str) -> str:
    """Remove control characters, which would control the terminal."""
    return "".join(letter for letter in text if letter.isprintable())
