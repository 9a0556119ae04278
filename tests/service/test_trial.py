import faulthandler
import multiprocessing
import os
import signal
import sys
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from pathlib import Path

import numpy as np
import onnx
import pytest

from service import classifier as classifier_module
from service import trial
from service.classifier import Classifier
from service.contract import ContractError
from service.settings import BUNDLED_MODEL, Settings
from service.trial import try_artifact
from tests.service.conftest import Recipe
from tests.service.hostile_files import (
    add_node,
    constant,
    doubled_often,
    inverse,
    need_last_node,
    slow,
)

CONTENT = Recipe().build()
SECONDS, MEMORY_BYTES = 10, 1 << 28


def tried(content: bytes, context: BaseContext = trial.CONTEXT) -> None:
    try_artifact(content, seconds=SECONDS, memory_bytes=MEMORY_BYTES, context=context)


def refused(content: bytes, seconds: float = SECONDS, memory_bytes: int = MEMORY_BYTES) -> str:
    with pytest.raises(ContractError) as error:
        try_artifact(content, seconds=seconds, memory_bytes=memory_bytes)
    return str(error.value)


@pytest.mark.parametrize("threads", [1, 3])
def test_a_valid_file_passes_with_the_default_limits(threads: int) -> None:
    settings = Settings()
    try_artifact(
        BUNDLED_MODEL.read_bytes(),
        seconds=settings.model_load_seconds,
        memory_bytes=settings.model_load_bytes,
        threads=threads,
    )


def test_a_valid_file_passes_in_a_new_process() -> None:
    # As on systems that cannot fork.
    tried(CONTENT, multiprocessing.get_context("spawn"))


def test_the_trial_of_the_bundled_model_costs_little() -> None:
    content = BUNDLED_MODEL.read_bytes()
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        tried(content)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.5  # 0.03 on an idle machine


def test_the_childs_sentence_is_the_error() -> None:
    content = Recipe(props=lambda props: props.pop("highway.labels")).build()
    with pytest.raises(ContractError) as expected:
        Classifier(content)
    assert refused(content) == str(expected.value)


def test_a_file_that_needs_too_much_memory_is_refused() -> None:
    assert refused(Recipe(change=doubled_often).build()) == (
        "expected a model that loads with 268,435,456 bytes of memory, found one that needs more; "
        "raise HIGHWAY_MODEL_LOAD_BYTES if you trust its source"
    )


def test_a_file_whose_weights_need_too_much_memory_is_refused() -> None:
    def large(model: onnx.ModelProto) -> None:
        # 64 MiB: the allocator cannot take so much from what this process has freed.
        constant(model, "large", np.ones(1 << 24, np.float32))
        add_node(model, "Relu", ["large"])
        need_last_node(model)

    content = Recipe(change=large).build()
    assert "HIGHWAY_MODEL_LOAD_BYTES" in refused(content, memory_bytes=1 << 20)


def test_a_file_that_computes_too_long_is_refused_at_the_deadline() -> None:
    content = Recipe(change=slow).build()
    start = time.monotonic()
    assert refused(content, seconds=0.1) == (
        "expected a model that loads and computes its golden rows within 0.1 s, found one that "
        "takes longer; raise HIGHWAY_MODEL_LOAD_SECONDS if you trust its source"
    )
    assert time.monotonic() - start < 2


def test_a_file_that_uses_too_much_processor_time_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def use_a_second(_processor_seconds: int, memory_bytes: int) -> None:
        limit(1, memory_bytes)
        while True:
            np.ones(1000).sum()

    limit = trial._limit
    monkeypatch.setattr(trial, "_limit", use_a_second)
    start = time.monotonic()
    assert "HIGHWAY_MODEL_LOAD_SECONDS" in refused(CONTENT, seconds=60)
    assert time.monotonic() - start < 40


def test_a_file_that_crashes_onnxruntime_is_refused(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    content = Recipe(change=inverse).build()
    assert refused(content).startswith("expected opset 20 and IR 10, found opsets 20, com.micro")
    # Without the rules for graphs, onnxruntime reads the file.
    monkeypatch.setattr(classifier_module, "check_graph", lambda graph: None)
    assert refused(content) == (
        "expected a model that onnxruntime can load, found one that ends it with SIGSEGV; "
        "do not serve it"
    )
    assert capfd.readouterr() == ("", "")


def test_no_output_of_the_child_reaches_the_parents(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def write_and_crash(_processor_seconds: int, _memory_bytes: int) -> None:
        os.write(1, b"of a library")
        os.write(2, b"of a library")
        os.kill(os.getpid(), signal.SIGSEGV)

    monkeypatch.setattr(trial, "_limit", write_and_crash)
    with (tmp_path / "traceback").open("w+") as file:
        faulthandler.enable(file)
        try:
            assert "ends it with SIGSEGV" in refused(CONTENT)
        finally:
            faulthandler.enable(sys.__stderr__ or 2)
    assert (tmp_path / "traceback").read_text() == ""
    assert capfd.readouterr() == ("", "")


def test_a_child_that_the_kernel_kills_needs_too_much_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trial, "_become_silent", lambda: os.kill(os.getpid(), signal.SIGKILL))
    assert "HIGHWAY_MODEL_LOAD_BYTES" in refused(CONTENT)


def test_a_child_that_fails_in_another_way_is_refused_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(trial, "Classifier", None)
    assert refused(CONTENT) == (
        "expected a model that onnxruntime can load, found one that ends it with exit code 1; "
        "do not serve it"
    )
    assert capfd.readouterr() == ("", "")


def test_a_message_longer_than_a_sentence_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def send(
        _content: bytes, sender: Connection, _seconds: float, _memory: int, _threads: int
    ) -> None:
        sender.send_bytes(b"x" * (1 << 20))

    monkeypatch.setattr(trial, "_try", send)
    start = time.monotonic()
    assert refused(CONTENT).startswith("expected a model that loads")
    assert time.monotonic() - start < 2


def test_no_child_and_no_descriptor_remains() -> None:
    hostile = [CONTENT, CONTENT[:100], Recipe(change=doubled_often).build()]
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    for content in hostile:
        for seconds in (10.0, 1e-9):
            try:
                try_artifact(content, seconds=seconds, memory_bytes=1 << 27)
            except ContractError:
                continue
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors
    assert multiprocessing.active_children() == []
    with suppress(ChildProcessError):  # raised if no other test has started a process
        assert os.waitpid(-1, os.WNOHANG) == (0, 0)


def test_a_signal_of_the_server_ends_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    def end(_processor_seconds: int, _memory_bytes: int) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(trial, "_limit", end)
    earlier = signal.signal(signal.SIGTERM, lambda number, frame: None)
    try:
        assert "ends it with SIGTERM" in refused(CONTENT)
    finally:
        signal.signal(signal.SIGTERM, earlier)
