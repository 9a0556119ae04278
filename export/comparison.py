"""Does the file answer as the trained network does, however it is run?"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx

from export.answers import check_possible, extreme_rows
from export.engines import (
    LEVELS,
    THREADS,
    Engine,
    in_batches,
    reference_engine,
    runtime_engine,
)
from export.errors import GateScaleError
from export.graph import ServedNetwork
from export.labels import compare_labels
from export.report import LARGEST_BATCH, SMALL_BATCHES, OutputReport, Report
from export.standalone import Told
from export.yardstick import Yardstick, torch_engine
from models.data.dataset import FloatRows, Part
from service.contract import LOGITS, OUTPUTS

SOME_ROWS = 500  # of the test rows, for float64, small batches and every way to run the graph
FEW_ROWS = 32  # for onnx's own evaluator, which takes seconds for a convolution


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way to run the graph; an engine that is slow is asked for a few rows alone."""

    name: str
    engine: Engine
    slow: bool = False


def compare_with_torch(
    served: ServedNetwork,
    model: onnx.ModelProto,
    content: bytes,
    test: Part,
    told: Told,
) -> Report:
    """Compare every number with torch, on test rows and on extreme ones, then every label."""
    told("torch in float32 and float64")
    yardsticks = list(_yardsticks(served, test.x))
    ways = list(_ways(model, content))
    chosen = next(way for way in ways if way.name == _way_name("ALL", 1))
    found = {(y.name, name): 0.0 for y in yardsticks for name in OUTPUTS}
    for way in ways:
        told(way.name)
        for yardstick in yardsticks:
            count = FEW_ROWS if way.slow else len(yardstick.rows)
            scale = None if yardstick.gate_scale is None else yardstick.gate_scale[:count]
            answers = way.engine(yardstick.rows[:count], scale)
            _widen(found, yardstick, yardstick.errors(answers, way.name))
    rows = yardsticks[0]
    for size in SMALL_BATCHES:
        told(f"batches of {size}")
        answers = in_batches(chosen.engine, rows.rows, size)
        _widen(found, rows, rows.errors(answers, f"{chosen.name}, batches of {size}"))
    told(f"all {len(test)} test rows")
    theirs = in_batches(chosen.engine, test.x, LARGEST_BATCH)
    check_possible(theirs)
    ours = in_batches(torch_engine(served), test.x, LARGEST_BATCH)
    margin = rows.allowed(LOGITS) + rows.own_error[LOGITS]
    labels = compare_labels(ours[LOGITS], theirs[LOGITS], test.y, margin)
    return Report(
        test_rows=len(test),
        outputs=tuple(
            OutputReport(
                rows_of=y.name,
                output=name,
                own_error=y.own_error[name],
                largest_error=found[y.name, name],
                allowed=y.allowed(name),
            )
            for y in yardsticks
            for name in OUTPUTS
        ),
        largest_difference={
            name: float(np.abs(theirs[name] - ours[name]).max()) for name in OUTPUTS
        },
        labels=labels,
    )


def _yardsticks(served: ServedNetwork, rows: FloatRows) -> Iterator[Yardstick]:
    some = rows[:SOME_ROWS]
    layers = served.layers
    ordinary = Yardstick.of("test rows", served, some)
    ordinary.check_stable()
    yield ordinary
    yield Yardstick.of("extreme rows", served, extreme_rows(rows))
    yield Yardstick.of(
        "a layer closed",
        served,
        np.resize(some, (layers, rows.shape[1])),
        1 - np.eye(layers, dtype=np.float32),
        refusal=GateScaleError,
    )
    yield Yardstick.of(
        "gates scaled",
        served,
        some[:FEW_ROWS],
        np.random.default_rng(0).random((len(some[:FEW_ROWS]), layers), np.float32),
        refusal=GateScaleError,
    )


def _ways(model: onnx.ModelProto, content: bytes) -> Iterator[Way]:
    for level in LEVELS:
        for threads in THREADS:
            yield Way(
                name=_way_name(level, threads), engine=runtime_engine(content, level, threads)
            )
    yield Way(name="onnx's reference evaluator", engine=reference_engine(model), slow=True)


def _way_name(level: str, threads: int) -> str:
    return f"onnxruntime, optimisation {level}, {threads} thread{'s' if threads > 1 else ''}"


def _widen(
    found: dict[tuple[str, str], float], yardstick: Yardstick, errors: dict[str, float]
) -> None:
    for name, error in errors.items():
        found[yardstick.name, name] = max(found[yardstick.name, name], error)
