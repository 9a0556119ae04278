"""Drift over the workers of a real server, which are killed; waits for the end of a 30 s slot."""

import os
import signal
import time
from pathlib import Path
from typing import Any

from service.drift.windows import GRACE_SECONDS, WINDOWS
from tests.service.conftest import Recipe
from tests.service.drift.conftest import metadata
from tests.service.serving import eventually, fetch, predict, serving, workers_of

REQUESTS = 20


def five_minutes(port: int) -> Any:
    return fetch(port, "/drift")["models"][0]["windows"][0]


def test_a_window_has_the_rows_of_all_workers_and_of_killed_ones(tmp_path: Path) -> None:
    file = tmp_path / "tiny.onnx"
    file.write_bytes(Recipe(metadata=metadata()).build())
    with serving(file, "--workers", "2") as (process, port):
        first, second = workers_of(process)
        for _ in range(REQUESTS):
            predict(port)
        counted = f'highway_predictions_total{{class="a",model="tiny",version="1"}} {REQUESTS}.0'
        eventually(
            lambda: counted in fetch(port, "/metrics")
        )  # with the rows that each worker buffers
        os.kill(first, signal.SIGKILL)
        os.kill(second, signal.SIGKILL)
        seconds = WINDOWS[0].seconds
        time.sleep(seconds - time.time() % seconds + 2 * GRACE_SECONDS)
        eventually(lambda: not {first, second} & workers_of(process))
        counts = {five_minutes(port)["rows"] for _ in range(10)}  # from either worker
        assert counts == {REQUESTS}
        (sample,) = [
            line
            for line in fetch(port, "/metrics").splitlines()
            if line.startswith("highway_window_rows") and 'window="5m"' in line
        ]
        assert float(sample.split()[-1]) == REQUESTS
