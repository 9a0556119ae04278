"""What is usual: the range of each layer's mean gate by label, and the values of the inputs."""

from dataclasses import asdict
from typing import Any

from service.contract import Metadata

USUAL = "usual"

Ranges = dict[str, list[float]]


def usual_gates(metadata: Metadata, label: int) -> Ranges | None:
    """Return the lower and upper ends of the layers' usual ranges for a label, given by index.

    They are the 10th and 90th percentiles of held-out rows; None without held-out rows.
    """
    held_out = metadata.held_out
    if held_out is None:
        return None
    ranges = held_out.usual[label]
    return {"low": [low for low, _ in ranges], "high": [high for _, high in ranges]}


def usual_of_layers(metadata: Metadata, label: int) -> list[dict[str, float] | None]:
    """Return the same for each layer; None for each without held-out rows."""
    if metadata.held_out is None:
        return [None] * len(metadata.layers)
    return [{"low": low, "high": high} for low, high in metadata.held_out.usual[label]]


def usual_gates_by_label(metadata: Metadata) -> dict[str, Ranges | None] | None:
    """Return the usual gates of every label, by name; None without held-out rows."""
    if metadata.held_out is None:
        return None
    return {label: usual_gates(metadata, index) for index, label in enumerate(metadata.labels)}


def usual_inputs(metadata: Metadata) -> dict[str, Any] | None:
    """Return the usual values of the inputs; None if the file does not have them.

    `usual` has a value for each column of a table or channel of an image; for a table, `values`
    are further usual values of each column, and `missing` says which may be missing.
    """
    baseline = metadata.input_baseline
    return None if baseline is None else asdict(baseline)
