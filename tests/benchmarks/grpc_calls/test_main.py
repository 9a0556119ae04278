"""The whole benchmark, short, with this server and without Triton."""

import re
import shutil
from pathlib import Path

import pytest

from benchmarks.grpc_calls import __main__ as module
from benchmarks.serving.networks import CONVOLUTIONAL
from benchmarks.serving.page import filled


@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
def test_every_part_of_the_page_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TITLE", CONVOLUTIONAL)
    monkeypatch.setattr(module, "CLIENTS", (2,))
    monkeypatch.setattr("sys.argv", ["grpc_calls", "--quick", "--rivals", str(tmp_path)])
    parts = dict(module.parts(module.arguments()))
    sentence, _, heading, _, grpc, http = parts["calls"].splitlines()
    assert sentence == (
        "Medians of 1 round of 1 second. Triton, Python back end is left out: it is not installed; "
        "run `make rivals`."
    )
    columns = "clients | calls | per second | median, ms | p99, ms | processor time a call"
    assert heading == f"| {columns} | rows in a batch | errors |"
    row = r"[\d,]+ \| \d+\.\d\d \| \d+\.\d\d \| [\d,]+ µs \| [12]\.\d \| 0 \|"
    assert re.fullmatch(rf"\| 2 \| this server, gRPC \| {row}", grpc)
    assert re.fullmatch(rf"\| 2 \| this server, HTTP, binary \| {row}", http)
    assert re.fullmatch(
        r"After its start, the server takes \d+ MB of memory with the port, and \d+ MB without it.",
        parts["memory"],
    )
    assert "| load generators | wrk; " in parts["machine"]
    assert filled(module.PAGE.read_text(), parts)
