"""Recorded requests on a terminal of 80 columns."""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
from rich.table import Table
from rich.text import Text

from highway_client.description import ModelDescription
from highway_client.json_values import JsonObject
from highway_client.predictions import Predictions
from highway_client.records import RecordedRow
from highway_client.shell.prediction_tables import one_row, p_value
from highway_client.terminal import escaped, fit, shown

SHORT_ID = 20  # characters of an id that fits on one line beside the other columns


def list_table(rows: Sequence[JsonObject], *, with_model: bool) -> Table:
    """Show a line for each recorded row."""
    caption = "times are UTC; row: index in the request, from 0; !: typicality below 0.01"
    table = Table(caption=caption)
    table.caption_justify = "left"
    table.add_column("time")
    # An id on one line can be copied.
    is_short = all(len(row.string("id")) <= SHORT_ID for row in rows)
    table.add_column("id", no_wrap=is_short)
    table.add_column("row", justify="right")
    if with_model:
        table.add_column("model")
    table.add_column("label")
    table.add_column("typicality", justify="right")
    table.add_column("tags")
    for row in rows:
        cells = [_short_time(row.string("time")), escaped(row.string("id"))]
        cells.append(str(row.integer("row")))
        if with_model:
            cells.append(f"{shown(row.string('model_name'))} {shown(row.string('model_version'))}")
        cells += [shown(row.string("label")), _typicality(row)]
        cells.append(escaped(", ".join(row.strings("tags"))))
        table.add_row(*map(Text, cells))
    return fit(table)


def recorded_table(row: RecordedRow, model: ModelDescription | None) -> Table:
    """Show everything that is recorded of a row; `model` has the usual ranges, if it is served."""
    table = one_row(_predictions(row, model))
    table.add_section()
    for name, value in _details(row):
        table.add_row(name, Text(escaped(value)), "")
    return table


def _predictions(row: RecordedRow, model: ModelDescription | None) -> Predictions:
    """Return a recorded row as predictions of one row."""
    unknown = np.full(3, np.nan, np.float32)
    ranges = None if model is None else model.usual_ranges([row.label])
    low, high = ranges or (None, None)
    return Predictions(
        model_name=row.model_name,
        model_version=row.model_version,
        labels=(row.label,),
        probabilities=row.probabilities[np.newaxis],
        gates=row.gates[np.newaxis],
        layers=row.layers,
        typicality=(unknown if row.typicality is None else row.typicality)[np.newaxis],
        usual_low=low,
        usual_high=high,
        timing_ms=row.timing_ms,
    )


def _details(row: RecordedRow) -> list[tuple[str, str]]:
    scale = row.gate_scale
    scaled = [] if scale is None else zip(row.layers, scale.tolist(), strict=True)
    changed = ", ".join(f"{name} {factor:g}" for name, factor in scaled if factor != 1)
    second = int(np.argsort(row.probabilities)[-2]) if len(row.probabilities) > 1 else None
    details = [
        ("id", row.id),
        ("row", f"{row.row} of {row.rows}, from 0"),
        ("time", f"{row.time.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"),  # as --time takes it
        ("endpoint", row.endpoint),
        ("tags", ", ".join(row.tags) or "none"),
        ("gate scale", changed or "none"),
        ("represents", f"{row.weight:g} {'row' if row.weight == 1 else 'rows'}"),
        ("input", "stored: --explain explains it" if row.input_stored else "not stored"),
        ("timing", ", ".join(f"{name} {ms:g} ms" for name, ms in _phases(row))),
    ]
    if second is not None:
        share = float(row.probabilities[second])
        details.insert(0, ("next label", f"{row.labels[second]} {share:.3f}"))
    return details


def _phases(row: RecordedRow) -> list[tuple[str, float]]:
    return [(name, ms) for name, ms in row.timing_ms.items() if name != "batch_rows"]


def _typicality(row: JsonObject) -> str:
    values = row.optional("typicality", row.object)
    if values is None:
        return "unknown"
    return p_value(values.number("combined"))


def _short_time(text: str) -> str:
    return datetime.fromisoformat(text).astimezone(UTC).strftime("%m-%d %H:%M:%S")
