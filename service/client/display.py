"""Predictions on a terminal of 80 columns."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from service.client.description import ModelDescription
from service.client.predictions import Predictions
from service.contract import UNUSUAL_BY

BOTH = UNUSUAL_BY.index("both")
OUT_OF = 1000  # normal rows; a rarer row is said to be just that
BAR_WIDTH = 30  # characters for a gate that is fully open
MARKS = "▁▂▃▄▅▆▇█"  # from a layer that carries its input on to one that replaces it


def one_row(answer: Predictions, model: ModelDescription) -> Table:
    """Show the label, how unusual the row is, and the gates of each layer as a bar."""
    table = Table(title=_title(answer, model), title_justify="left", show_header=False)
    table.add_column()
    table.add_column()
    table.add_column(justify="right")
    table.add_row(Text("label", "bold"), Text(_plain(answer.labels[0]), "bold"), "")
    probability = float(answer.probabilities[0].max())
    table.add_row("probability", Text(_bar(probability)), f"{probability:.3f}")
    words = f"{_less_usual(answer.unusual[0, BOTH])} normal rows look less usual"
    table.add_row("unusual", words, "", end_section=True)
    for layer, gate in zip(model.layers, answer.gates[0].tolist(), strict=False):
        table.add_row(Text(_plain(layer.name)), Text(_bar(gate)), f"{gate:.3f}")
    return table


def many_rows(answers: Sequence[Predictions], model: ModelDescription) -> Table:
    """Show a line for each row, and in it a mark for each layer's gates."""
    table = Table(title=_title(answers[0], model), title_justify="left")
    table.add_column("row", justify="right")
    table.add_column("label")
    table.add_column("probability", justify="right")
    table.add_column("unusual", justify="right")
    table.add_column("mean gate", justify="right")
    table.add_column("gates", overflow="fold")
    table.caption = (
        "row: counted from 1; unusual: so many normal rows look less usual; gates: a mark for each "
        f"layer, {MARKS[0]} carries its input on, {MARKS[-1]} replaces it"
    )
    table.caption_justify = "left"
    for answer in answers:
        for label, chances, share, gates in zip(
            answer.labels,
            answer.probabilities,
            answer.unusual[:, BOTH],
            answer.gates,
            strict=True,
        ):
            table.add_row(
                str(table.row_count + 1),
                Text(_plain(label)),
                f"{chances.max():.3f}",
                _less_usual(share),
                f"{gates.mean():.3f}" if gates.size else "",
                Text("".join(map(_mark, gates.tolist()))),
            )
    return table


def _title(answer: Predictions, model: ModelDescription) -> Text:
    layers = len(model.layers)
    words = f"{answer.model_name} version {answer.model_version}, {layers} highway layers"
    return Text(_plain(words))


def _less_usual(share: float) -> str:
    """Word a share of normal rows."""
    many = round(share * OUT_OF)
    return f"{many:,} of {OUT_OF:,}" if many else f"under 1 of {OUT_OF:,}"


def _bar(share: float) -> str:
    return ("█" * round(share * BAR_WIDTH)).ljust(BAR_WIDTH, "·")


def _mark(gate: float) -> str:
    return MARKS[min(int(gate * len(MARKS)), len(MARKS) - 1)]


def _plain(text: str) -> str:
    """Leave out of a server's words what would steer a terminal."""
    return "".join(letter for letter in text if letter.isprintable())
