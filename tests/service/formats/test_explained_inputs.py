import math

import numpy as np
import orjson

from service.formats.explained_inputs import (
    ExplainedColumns,
    ExplainedInputs,
    ExplainedPatches,
    inputs_members,
)
from service.formats.json_documents import encode
from service.inference.input_search import InputCounterfactual
from service.inference.occlusion import ColumnOcclusion, PatchOcclusion
from tests.service.conftest import METADATA, TABLE

UNCHANGED = np.array([0.5, 0.25, 0.25], np.float32)
CHANGED = np.array([[0.25, 0.5, 0.25], [0.75, 0.125, 0.125]], np.float32)
ROW = np.array([41, 1, math.nan, 2.5], np.float32)


def columns(counterfactual: InputCounterfactual | None = None) -> ExplainedColumns:
    """Return the effects of the first and the third column; the first changes the label to b."""
    occlusion = ColumnOcclusion(
        columns=np.array([0, 2]),
        replaced_by=np.array([37.5, 0], np.float32),
        outputs={"probabilities": CHANGED},
        complete=False,
    )
    return ExplainedColumns(ROW, occlusion, counterfactual)


def written(inputs: ExplainedInputs) -> str:
    metadata = TABLE if isinstance(inputs, ExplainedColumns) else METADATA
    return encode(inputs_members(inputs, metadata, UNCHANGED)).decode()


def test_columns_are_written_word_for_word() -> None:
    assert written(columns()) == (
        '{"kind":"columns","method":"occlusion","complete":false,"columns":['
        '{"name":"age","value":41,"replaced_by":37.5,"label":"b","probability":0.25,'
        '"probability_change":-0.25},'
        '{"name":"member","value":null,"replaced_by":"false","label":"a","probability":0.75,'
        '"probability_change":0.25}],'
        '"decisive_columns":["age"],"counterfactual":null}'
    )


def test_a_counterfactual_is_written_in_the_tables_order() -> None:
    found = InputCounterfactual({3: math.nan, 1: 2.0, 0: 30.0}, label=2)
    members = orjson.loads(written(columns(found)))
    assert members["counterfactual"] == {
        "changes": [
            {"name": "age", "value": 41, "changed_to": 30},
            {"name": "job", "value": "teacher", "changed_to": "pilot"},
            {"name": "income", "value": 2.5, "changed_to": None},
        ],
        "label": "c",
        "search": "greedy",
    }


def test_patches_are_written_word_for_word() -> None:
    occlusion = PatchOcclusion(CHANGED.reshape(2, 1, 3), patch=(4, 3), tops=(0, 2), lefts=(0,))
    patches = ExplainedPatches(np.array([0, 0.5], np.float32), occlusion)
    assert written(patches) == (
        '{"kind":"patches","method":"occlusion","complete":true,"patch":[4,3],"tops":[0,2],'
        '"lefts":[0],"replaced_by":[0.0,0.5],"label":[["b"],["a"]],'
        '"probability_change":[[-0.25],[0.25]]}'
    )
