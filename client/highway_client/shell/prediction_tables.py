"""Predictions on a terminal of 80 columns."""

from collections.abc import Sequence
from math import isnan

from rich.table import Table
from rich.text import Text

from highway_client.json_values import FloatArray
from highway_client.predictions import TYPICALITY_COLUMNS, Predictions
from highway_client.terminal import bar, escaped, fit, marks, shown

COMBINED = TYPICALITY_COLUMNS.index("combined")
ATYPICAL = 0.01  # a typicality below this is marked
OUT_OF = 1000  # held-out rows
USUAL = "[ ]: usual range of the gate, of 80 % of held-out rows (of this label, if they are many)"
MARKED = "!: a typicality below 0.01"


def one_row(predictions: Predictions) -> Table:
    """Show the label, the typicality, and the mean gate of each layer as a bar."""
    probability, typicality = float(predictions.probabilities[0].max()), predictions.typicality[0]
    table = label_table(_title(predictions), predictions.labels[0], probability, typicality)
    table.add_section()
    layers = predictions.layers
    usual = usual_ranges(predictions.usual_low, predictions.usual_high, len(layers))
    for layer, gate, ends in zip(layers, predictions.gates[0].tolist(), usual, strict=True):
        number = f"{gate:.3f}{outside(gate, ends)}"
        table.add_row(Text(shown(layer)), Text(bar(gate, ends)), number)
    marked = bool((typicality < ATYPICAL).any())
    add_legend(table, usual=predictions.usual_low is not None, marked=marked)
    return fit(table)


def usual_ranges(
    low: FloatArray | None, high: FloatArray | None, layers: int
) -> list[tuple[float, float] | None]:
    """Return the ends of the usual range of each layer, for one row, None where not known."""
    if low is None or high is None:
        return [None] * layers
    return list(zip(low.ravel().tolist(), high.ravel().tolist(), strict=True))


def outside(gate: float, usual: tuple[float, float] | None) -> str:
    """Return on which side of its usual range a gate is, empty if within."""
    if usual is None or not (gate < usual[0] or gate > usual[1]):
        return ""
    return " below" if gate < usual[0] else " above"


def many_rows(parts: Sequence[Predictions], names: Sequence[str] = ()) -> Table:
    """Show one line for each row, with a mark for each layer's mean gate.

    Rows are named by their numbers, from 1, unless there are `names`.
    """
    table = Table(title=_title(parts[0]), title_justify="left")
    table.add_column("file" if names else "row", justify="left" if names else "right")
    table.add_column("label")
    table.add_column("probability", justify="right")
    table.add_column("typicality", justify="right")
    table.add_column("mean gate", justify="right")
    table.add_column("gates")
    characters = marks()
    table.caption = (
        f"{'' if names else 'row: from 1; '}typicality: the share of held-out rows that are less "
        f"typical; gates: one mark for each layer, {characters[0]} closed to {characters[-1]} open"
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
            number = table.row_count
            table.add_row(
                Text(escaped(names[number])) if names else str(number + 1),
                Text(shown(label)),
                f"{probabilities.max():.3f}",
                _less_typical(typicality),
                f"{gates.mean():.3f}" if gates.size else "",
                Text("".join(_mark(gate, characters) for gate in gates.tolist())),
            )
    return fit(table)


def title(name: str, version: str, layers: int) -> Text:
    """Return the title of a table about one model."""
    return Text(escaped(f"{name} version {version}, {layers} highway layers"))


def label_table(heading: Text, label: str, probability: float, typicality: FloatArray) -> Table:
    """Return a table that begins with the label of a row, its probability and typicality, (3,).

    It has three columns: a name, words or a bar, and a number.
    """
    table = Table(title=heading, title_justify="left", show_header=False)
    table.add_column()
    table.add_column()
    table.add_column(justify="right")
    table.add_row(Text("label", "bold"), Text(shown(label), "bold"), "")
    table.add_row("probability", Text(bar(probability)), f"{probability:.3f}")
    if isnan(typicality[COMBINED]):
        table.add_row("typicality", "unknown", "")
        return table
    gates, confidence, combined = typicality.tolist()
    words = f"{_less_typical(combined)} held-out rows are less typical"
    table.add_row("typicality", words, p_value(combined))
    table.add_row("", "by the gates alone", p_value(gates))
    table.add_row("", "by the confidence alone", p_value(confidence))
    return table


def add_legend(table: Table, *more: str, usual: bool, marked: bool) -> None:
    """Explain below a table the brackets of usual ranges, the marks of small p-values, and more."""
    used = [text for text, is_used in ((USUAL, usual), (MARKED, marked)) if is_used]
    table.caption, table.caption_justify = "; ".join([*used, *more]) or None, "left"


def p_value(share: float) -> str:
    """Return a typicality, marked if it is below 0.01."""
    return f"{share:.2g}{' !' if share < ATYPICAL else ''}"


def _title(predictions: Predictions) -> Text:
    return title(predictions.model_name, predictions.model_version, len(predictions.layers))


def _less_typical(typicality: float) -> str:
    """Return how many of 1,000 held-out rows are less typical."""
    rows = round(typicality * OUT_OF)
    return f"{rows:,} of {OUT_OF:,}" if rows else f"under 1 of {OUT_OF:,}"


def _mark(gate: float, characters: str) -> str:
    return characters[min(int(gate * len(characters)), len(characters) - 1)]
