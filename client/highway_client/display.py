"""Predictions on a terminal of 80 columns."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from highway_client.description import ModelDescription
from highway_client.predictions import TYPICALITY_COLUMNS, Predictions
from highway_client.terminal import bar, escaped, fit, marks, shown

COMBINED = TYPICALITY_COLUMNS.index("combined")
OUT_OF = 1000  # held-out rows


def one_row(predictions: Predictions, model: ModelDescription) -> Table:
    """Show the label, the typicality, and the mean gate of each layer as a bar."""
    table = Table(title=_title(predictions, model), title_justify="left", show_header=False)
    table.add_column()
    table.add_column()
    table.add_column(justify="right")
    table.add_row(Text("label", "bold"), Text(shown(predictions.labels[0]), "bold"), "")
    probability = float(predictions.probabilities[0].max())
    table.add_row("probability", Text(bar(probability)), f"{probability:.3f}")
    typicality = float(predictions.typicality[0, COMBINED])
    share = f"{_less_typical(typicality)} held-out rows are less typical"
    table.add_row("typicality", share, f"{typicality:.2g}", end_section=True)
    for layer, gate in zip(model.layers, predictions.gates[0].tolist(), strict=False):
        table.add_row(Text(shown(layer.name)), Text(bar(gate)), f"{gate:.3f}")
    return fit(table)


def many_rows(parts: Sequence[Predictions], model: ModelDescription) -> Table:
    """Show one line for each row, with a mark for each layer's mean gate."""
    table = Table(title=_title(parts[0], model), title_justify="left")
    table.add_column("row", justify="right")
    table.add_column("label")
    table.add_column("probability", justify="right")
    table.add_column("typicality", justify="right")
    table.add_column("mean gate", justify="right")
    table.add_column("gates")
    characters = marks()
    table.caption = (
        "row: from 1; typicality: the share of held-out rows that are less typical; gates: one "
        f"mark for each layer, {characters[0]} closed to {characters[-1]} open"
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
                Text(shown(label)),
                f"{probabilities.max():.3f}",
                _less_typical(typicality),
                f"{gates.mean():.3f}" if gates.size else "",
                Text("".join(_mark(gate, characters) for gate in gates.tolist())),
            )
    return fit(table)


def _title(predictions: Predictions, model: ModelDescription) -> Text:
    name, version = predictions.model_name, predictions.model_version
    return Text(escaped(f"{name} version {version}, {len(model.layers)} highway layers"))


def _less_typical(typicality: float) -> str:
    rows = round(typicality * OUT_OF)
    return f"{rows:,} of {OUT_OF:,}" if rows else f"under 1 of {OUT_OF:,}"


def _mark(gate: float, characters: str) -> str:
    return characters[min(int(gate * len(characters)), len(characters) - 1)]
