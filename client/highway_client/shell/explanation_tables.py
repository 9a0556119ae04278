"""Explanations on a terminal of 80 columns."""

from collections.abc import Iterable, Iterator

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from highway_client.explanations import Explanation
from highway_client.input_effects import ColumnEffects, PatchEffects, Value
from highway_client.shell.prediction_tables import (
    add_legend,
    label_table,
    outside,
    p_value,
    title,
    usual_ranges,
)
from highway_client.terminal import arrow, bar, escaped, fit, marks, shown

BESIDE_GATE = 62  # characters of the other columns of the table of layers
BESIDE_CHANGE = 66  # and of the table of columns
CLOSED = "if closed: the change of the probability, and the new label if it changes"
NOTHING = 0.0005  # a change of a probability that is shown as none


def explanation_tables(explanation: Explanation) -> RenderableType:
    """Show the label, each layer with the effect of closing it, and the inputs if requested."""
    parts: list[RenderableType] = [_head(explanation)]
    if explanation.layers:
        parts.append(_layers(explanation))
        parts += map(_sentence, _about_layers(explanation))
    if isinstance(explanation.inputs, ColumnEffects):
        parts += [_columns(explanation.inputs, explanation.label)]
        parts += map(_sentence, _about_columns(explanation.inputs))
    if isinstance(explanation.inputs, PatchEffects):
        parts += _patches(explanation.inputs)
    return Group(*parts)


def _head(explanation: Explanation) -> Table:
    name = title(explanation.model_name, explanation.model_version, len(explanation.layers))
    label, probability = explanation.label, explanation.probability
    return fit(label_table(name, label, probability, explanation.typicality))


def _layers(explanation: Explanation) -> Table:
    table = Table()
    table.add_column("layer")
    table.add_column("mean gate")
    table.add_column("", justify="right")
    if explanation.layer_typicality is not None:
        table.add_column("typicality", justify="right")
    table.add_column("if closed", justify="right")
    usual = usual_ranges(explanation.usual_low, explanation.usual_high, len(explanation.layers))
    for index, (name, ends) in enumerate(zip(explanation.layers, usual, strict=True)):
        gate = float(explanation.gates[index])
        cells = [Text(shown(name)), Text(bar(gate, ends, beside=BESIDE_GATE))]
        cells.append(Text(f"{gate:.3f}{outside(gate, ends)}"))
        if explanation.layer_typicality is not None:
            cells.append(Text(p_value(float(explanation.layer_typicality[index]))))
        change = float(explanation.probability_changes[index])
        cells.append(_effect(change, explanation.closed_labels[index], explanation.label))
        table.add_row(*cells)
    marked = explanation.layer_typicality is not None
    add_legend(table, CLOSED, usual=explanation.usual_low is not None, marked=marked)
    return fit(table)


def _effect(change: float, label: str, original: str) -> Text:
    """Show how a probability changes, and the label where it changes."""
    number = "0" if abs(change) < NOTHING else f"{change:+.3f}"
    return Text(number if label == original else f"{number} {arrow()} {shown(label)}")


def _about_layers(explanation: Explanation) -> Iterator[str]:
    decisive = explanation.decisive_layers
    if decisive:
        yield f"decisive: closing {_listed(decisive, 'or')} alone changes the label"
    else:
        yield "decisive: no layer; closing any one alone leaves the label"
    counterfactual = explanation.counterfactual
    if counterfactual is None:
        yield "counterfactual: none; closing all layers leaves the label"
    else:
        layers = _listed(counterfactual.closed_layers, "and")
        label = counterfactual.label
        yield f"counterfactual: with {layers} closed the label is {label!r} (found greedily)"


def _columns(effects: ColumnEffects, original: str) -> Table:
    """Show the columns by the size of their effects."""
    table = Table()
    table.add_column("column")
    table.add_column("value")
    table.add_column("replaced by")
    table.add_column("probability")
    table.add_column("", justify="right")
    for each in sorted(effects.columns, key=lambda each: -abs(each.probability_change)):
        change = each.probability_change
        table.add_row(
            Text(shown(each.name)),
            Text(_value(each.value)),
            Text(_value(each.replaced_by)),
            Text(bar(min(abs(change), 1), beside=BESIDE_CHANGE)),
            _effect(change, each.label, original),
        )
    return fit(table)


def _about_columns(effects: ColumnEffects) -> Iterator[str]:
    if effects.decisive_columns:
        columns = _listed(effects.decisive_columns, "or")
        yield f"decisive columns: replacing {columns} alone changes the label"
    else:
        yield "decisive columns: none; replacing any one alone leaves the label"
    counterfactual = effects.counterfactual
    if counterfactual is None:
        yield "counterfactual: no few changes of columns were found that change the label"
    else:
        changes = ", ".join(
            f"{each.name} {_value(each.value)} {arrow()} {_value(each.changed_to)}"
            for each in counterfactual.changes
        )
        label = counterfactual.label
        yield f"counterfactual: {changes} changes the label to {label!r} (found greedily)"
    if not effects.complete:
        yield "not every column was replaced alone, because the model has many"


def _patches(effects: PatchEffects) -> list[RenderableType]:
    """Draw the falls of the probability as marks, two for each patch."""
    falls = np.maximum(-effects.probability_changes, 0)
    largest = float(falls.max(initial=0))
    characters = marks()
    scaled = falls / largest if largest > 0 else falls
    indices = np.minimum((scaled * len(characters)).astype(int), len(characters) - 1)
    lines = ("".join(characters[index] * 2 for index in row) for row in indices.tolist())
    table = Table(show_header=False)
    table.add_row(Text("\n".join(lines)))
    height, width = effects.patch
    caption = (
        f"how much the probability falls without each patch of {height}x{width} pixels: "
        f"{characters[0]} none to {characters[-1]} {largest:.3f}"
    )
    return [fit(table), _sentence(caption)]


def _sentence(text: str) -> Text:
    return Text(escaped(text))


def _value(value: Value) -> str:
    if value is None:
        return "missing"
    return f"{value:.6g}" if isinstance(value, float) else shown(str(value))


def _listed(names: Iterable[str], conjunction: str) -> str:
    *first, last = names
    return f"{', '.join(first)} {conjunction} {last}" if first else last
