"""Several processes of a real server, one of them killed; waits for a slot of 30 s to be over."""

import os
import signal
import time
from pathlib import Path
from typing import Any

from service.drift.windows import GRACE_SECONDS, WINDOWS
from tests.service.conftest import Recipe
from tests.service.drift.conftest import metadata
from tests.service.test_server import ask, eventually, predict, serving, workers_of

REQUESTS = 20


def five_minutes(port: int) -> Any:
    return ask(port, "/drift")["models"][0]["windows"][0]


def test_workers_watch_together_and_what_a_killed_one_saw_stays(tmp_path: Path) -> None:
    file = tmp_path / "tiny.onnx"
    file.write_bytes(Recipe(metadata=metadata()).build())
    with serving(file, "--workers", "2") as (process, port):
        first, second = workers_of(process)
        for _ in range(REQUESTS):
            predict(port)
        counted = f'highway_predictions_total{{class="a",model="tiny",version="1"}} {REQUESTS}.0'
        eventually(lambda: counted in ask(port, "/metrics"))  # also what each kept for a while
        os.kill(first, signal.SIGKILL)
        os.kill(second, signal.SIGKILL)
        seconds = WINDOWS[0].seconds
        time.sleep(seconds - time.time() % seconds + 2 * GRACE_SECONDS)
        eventually(lambda: not {first, second} & workers_of(process))
        told = {five_minutes(port)["rows"] for _ in range(10)}  # by either
        assert told == {REQUESTS}
        (shown,) = [
            line
            for line in ask(port, "/metrics").splitlines()
            if line.startswith("highway_window_rows") and 'window="5m"' in line
        ]
        assert float(shown.split()[-1]) == REQUESTS
