"""The member `inputs` of a response of `/explain`: the columns or patches that matter."""

from typing import Any, NamedTuple

import numpy as np

from service.arrays import FloatArray
from service.contract import PROBABILITIES, Metadata
from service.formats.tables import shown_value
from service.inference.input_search import InputCounterfactual
from service.inference.occlusion import ColumnOcclusion, PatchOcclusion

INPUTS = "inputs"
METHOD = "occlusion"
SEARCH = "greedy"  # a smaller change may exist


class ExplainedColumns(NamedTuple):
    """The effects of a table's columns on the label of a row, (columns,)."""

    row: FloatArray
    occlusion: ColumnOcclusion
    counterfactual: InputCounterfactual | None


class ExplainedPatches(NamedTuple):
    """The effects of an image's patches; each was replaced by the usual `pixel`, (channels,)."""

    pixel: FloatArray
    occlusion: PatchOcclusion


ExplainedInputs = ExplainedColumns | ExplainedPatches


def inputs_members(
    inputs: ExplainedInputs, metadata: Metadata, probabilities: FloatArray
) -> dict[str, Any]:
    """Return the member's members; `probabilities`, (labels,), are those of the unchanged row."""
    if isinstance(inputs, ExplainedPatches):
        return _patches(inputs, metadata, probabilities)
    return _columns(inputs, metadata, probabilities)


def _columns(
    inputs: ExplainedColumns, metadata: Metadata, probabilities: FloatArray
) -> dict[str, Any]:
    label = int(probabilities.argmax())
    occlusion = inputs.occlusion
    results = occlusion.outputs[PROBABILITIES]
    labels = [metadata.labels[index] for index in results.argmax(axis=1).tolist()]
    columns = [
        {
            **_shown(inputs, metadata, int(column)),
            "replaced_by": shown_value(metadata.input.columns[column], float(value)),
            "label": replaced_label,
            "probability": row[label],
            "probability_change": row[label] - probabilities[label],
        }
        for column, value, replaced_label, row in zip(
            occlusion.columns, occlusion.replaced_by, labels, results, strict=True
        )
    ]
    return {
        "kind": "columns",
        "method": METHOD,
        "complete": occlusion.complete,
        "columns": columns,
        "decisive_columns": [
            column["name"] for column in columns if column["label"] != metadata.labels[label]
        ],
        "counterfactual": _counterfactual(inputs, metadata),
    }


def _shown(inputs: ExplainedColumns, metadata: Metadata, index: int) -> dict[str, Any]:
    column = metadata.input.columns[index]
    return {"name": column.name, "value": shown_value(column, float(inputs.row[index]))}


def _counterfactual(inputs: ExplainedColumns, metadata: Metadata) -> dict[str, Any] | None:
    if inputs.counterfactual is None:
        return None
    changes, label = inputs.counterfactual
    return {
        "changes": [
            {
                **_shown(inputs, metadata, column),
                "changed_to": shown_value(metadata.input.columns[column], changes[column]),
            }
            for column in sorted(changes)
        ],
        "label": metadata.labels[label],
        "search": SEARCH,
    }


def _patches(
    inputs: ExplainedPatches, metadata: Metadata, probabilities: FloatArray
) -> dict[str, Any]:
    label = int(probabilities.argmax())
    results, patch, tops, lefts = inputs.occlusion
    labels = np.array(metadata.labels, object)[results.argmax(axis=2)]
    return {
        "kind": "patches",
        "method": METHOD,
        "complete": True,
        "patch": patch,
        "tops": tops,
        "lefts": lefts,
        "replaced_by": inputs.pixel,
        "label": labels.tolist(),
        "probability_change": results[:, :, label] - probabilities[label],
    }
