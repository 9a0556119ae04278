"""What a file's bytes show by themselves; neither torch nor the run is needed."""

from collections.abc import Callable

import numpy as np

from export.answers import (
    SAME,
    STEEPNESS,
    check_gate_scale,
    check_possible,
    check_rows_alone,
    extreme_rows,
    row_scale,
)
from export.engines import Engine, reference_engine, runtime_engine
from export.errors import NumericsError
from export.structure import check_structure, parsed
from service.artifact import check_digest
from service.classifier import Classifier, FloatArray
from service.contract import INPUT, OUTPUTS, Metadata, precision

Told = Callable[[str], None]  # hears what is being done


def verify_alone(content: bytes, told: Told) -> Metadata:
    """Check a file's bytes by themselves: unchanged, sound, of the contract, possible answers."""
    told("structure")
    model = parsed(content)
    metadata = Metadata.from_props({prop.key: prop.value for prop in model.metadata_props})
    check_digest(content, metadata)
    check_structure(model, metadata)
    Classifier(content)  # as the service will load it: the contract and the golden rows
    told("answers")
    golden = np.asarray(metadata.verification["golden"][INPUT], np.float32)
    rows = np.concatenate([golden, extreme_rows(golden)])
    engine = runtime_engine(content, "ALL", 1)
    check_possible(engine(rows, None))
    same = SAME[precision(metadata)]
    check_rows_alone(engine, rows, same)
    check_gate_scale(engine, golden[0], tuple(layer.width for layer in metadata.layers), same)
    told("onnx's reference evaluator")
    _check_engines_agree(engine, reference_engine(model), golden, 10 * same)
    return metadata


def _check_engines_agree(
    engine: Engine, reference: Engine, rows: FloatArray, allowed: float
) -> None:
    ours, theirs = engine(rows, None), reference(rows, None)
    for name in OUTPUTS:
        difference = float((np.abs(ours[name] - theirs[name]) / row_scale(theirs)).max())
        if not difference <= allowed * STEEPNESS[name]:  # so written that NaN is refused
            raise NumericsError(
                f"{name}: expected onnxruntime and onnx's own evaluator to agree to within "
                f"{allowed * STEEPNESS[name]:g}, found a difference of {difference:.2g}"
            )
