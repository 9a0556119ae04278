"""Time of an explanation: over HTTP with and without its inputs, and of occlusion alone."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import perf_counter, thread_time

import numpy as np

from benchmarks.serving.bodies import JSON, Body
from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.servers import Server, project, running
from service.arrays import FloatArray, Outputs
from service.classifier import Classifier
from service.contract import INPUT, LOGITS
from service.inference.batch import ALWAYS_COMPUTED
from service.inference.input_search import InputSearch
from service.inference.occlusion import occlude_columns, occlude_patches
from service.inference.queue import USUAL_BATCH_ROWS
from service.inference.usual_inputs import UsualInputs
from service.inference.variants import Variants

COMPUTED = (LOGITS, *sorted(ALWAYS_COMPUTED))  # what the server computes


class Occlusion:
    """Occlusion and search for one row (features,) of a model, without server and queue.

    Batches have the size that the server gives to a network that takes long.
    """

    def __init__(self, classifier: Classifier, row: FloatArray) -> None:
        self._classifier = classifier
        metadata = classifier.metadata
        assert metadata.input_baseline is not None
        self._usual = UsualInputs.of(metadata.input_baseline)
        self._row = row
        self._probabilities = classifier.run(row[None]).probabilities[0]
        self._label = int(self._probabilities.argmax())
        self.rows = 0  # computed

    async def _compute(self, rows: FloatArray) -> Outputs:
        self.rows += len(rows)
        scale = np.ones((1, len(self._classifier.metadata.layers)), np.float32)
        outputs = self._classifier.compute(COMPUTED, rows, scale)
        return dict(zip(COMPUTED, outputs, strict=True))

    async def occlude(self) -> int:
        """Replace each patch or column; return the number of rows computed."""
        before = self.rows
        if self._classifier.metadata.input.kind == "table":
            await occlude_columns(self._variants(), self._usual, self._label)
        else:
            await occlude_patches(self._variants(), self._usual.usual, self._probabilities)
        return self.rows - before

    async def search(self) -> int:
        """Replace each column of a table, then search for a counterfactual; return the same."""
        before = self.rows
        variants, columns = self._variants(), self._classifier.metadata.input.columns
        found = await occlude_columns(variants, self._usual, self._label)
        await InputSearch(variants, self._usual, columns, self._label).find(found)
        return self.rows - before

    def _variants(self) -> Variants:
        shape = self._classifier.metadata.input.shape
        return Variants(self._compute, self._row.reshape(shape), USUAL_BATCH_ROWS)


def golden_row(file: Path) -> list[float | None]:
    """Return the first golden row of a file, as a request has it if it has no categories."""
    row: list[float | None] = Classifier.load(file).metadata.verification["golden"][INPUT][0]
    return row


def measured(
    name: str, file: Path, row: Sequence[float | None], rounds: int
) -> Mapping[str, object]:
    """Measure each time for a row of numbers in turn, `rounds` times: the shortest and median."""
    classifier = Classifier.load(file)
    occlusion = Occlusion(classifier, np.array(row, np.float32))
    plain, full = (explain(row, inputs=inputs) for inputs in (False, True))
    is_table = classifier.metadata.input.kind == "table"
    with asyncio.Runner() as runner, running(project, file, plain) as server:
        calls: dict[str, Callable[[], object]] = {
            "occlusion alone": lambda: runner.run(occlusion.occlude()),
            "and the search": lambda: runner.run(occlusion.search()) if is_table else None,
            "`/explain`": lambda: checked(server, plain),
            "`/explain` with inputs": lambda: checked(server, full),
        }
        times = {name: summary(each) for name, each in timed(calls, rounds).items()}
        busy = {"occlude": calls["occlusion alone"]}
        (processor,) = timed(busy, rounds, clock=thread_time).values()
        rows = f"{runner.run(occlusion.occlude())}"
        if is_table:
            rows += f", {runner.run(occlusion.search())}"
    if not is_table:
        times["and the search"] = "–"
    return {
        "row": name,
        "rows computed": rows,
        "processor time of occlusion": f"{min(processor):.1f} ms",
        **times,
    }


def explain(row: object, *, inputs: bool) -> Body:
    """Build a request to explain a row."""
    content = json.dumps({"instance": row, "inputs": inputs}).encode()
    return Body(path="/explain", headers=JSON, content=content)


def checked(server: Server, body: Body) -> None:
    """Send a request; raise a `BenchmarkError` unless it succeeds."""
    status = server.send(body)
    if status != 200:
        raise BenchmarkError(f"POST {body.path}: expected status 200, found {status}")


def timed(
    calls: Mapping[str, Callable[[], object]],
    rounds: int,
    clock: Callable[[], float] = perf_counter,
) -> dict[str, list[float]]:
    """Make all calls in turn, `rounds` times; return the milliseconds of each."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            began = clock()
            call()
            times[name].append((clock() - began) * 1e3)
    return times


def summary(times: list[float]) -> str:
    """Return the shortest and the median time."""
    return f"{min(times):.1f}, {np.median(times):.1f} ms"
