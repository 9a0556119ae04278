"""Short forms of the fuzzers, and planted faults that each of them finds."""

import random
import subprocess
from itertools import islice
from pathlib import Path

import pytest

from tests.conftest import command_process
from tests.reliability import fuzz_messages, fuzz_openapi
from tests.reliability.fuzz_messages import FuzzError, messages
from tests.reliability.processes import FAULT_VARIABLE, PLANTED

# Each with its own request and response; all paths take ten times as long.
SHORT = (
    *("/predict", "/explain", "/what-if", "/v2/models/{name}/infer", "/requests"),
    "/requests/{id}/predict",
)


def test_requests_from_the_openapi_document_keep_its_promises() -> None:
    assert fuzz_openapi.fuzz_server(examples=5, paths=SHORT) == []


def test_a_planted_error_breaks_the_documents_promises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FAULT_VARIABLE, "error")
    failures = fuzz_openapi.fuzz_server(examples=2, paths=["/predict"], program=PLANTED)
    assert any("POST /predict" in one and "status 500" in one for one in failures)


def test_damaged_messages_leave_the_server_alive_and_right() -> None:
    fuzz_messages.fuzz_server(200, seed=1)


def test_a_planted_crash_is_found_by_damaged_messages(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(FAULT_VARIABLE, "crash")
    monkeypatch.setattr(fuzz_messages, "ROOT", tmp_path)
    monkeypatch.setattr(fuzz_messages, "FOUND", tmp_path / "fuzz")
    with pytest.raises(FuzzError, match=r"a golden prediction is lost.*; the last messages are in"):
        fuzz_messages.fuzz_server(400, seed=1, program=PLANTED)
    (found,) = (tmp_path / "fuzz").iterdir()
    assert "magic" in found.read_text()


def test_the_same_seed_gives_the_same_messages() -> None:
    first, second = (list(islice(messages(random.Random(5)), 50)) for _ in range(2))
    assert first == second
    assert len(set(first)) > 45


def decode(target: str, runs: int) -> subprocess.CompletedProcess[str]:
    return command_process("tests.reliability.fuzz_bodies", target, "--runs", str(runs))


@pytest.mark.parametrize("target", ["predict", "explain", "what-if", "infer"])
def test_a_decoder_raises_only_the_errors_of_a_request(target: str) -> None:
    done = decode(target, runs=5000)
    assert done.returncode == 0, done.stderr


def test_coverage_guidance_finds_a_planted_crash() -> None:
    done = decode("planted", runs=2_000_000)
    assert done.returncode != 0
    assert "the planted crash" in done.stdout + done.stderr
