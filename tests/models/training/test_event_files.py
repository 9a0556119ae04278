import signal
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

import pytest

from models.training.event_files import EventFiles, uninterrupted


def test_an_interrupt_inside_a_write_takes_effect_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = Queue._put

    def interrupted(queue: Any, item: Any) -> None:
        signal.raise_signal(signal.SIGINT)
        put(queue, item)

    files = EventFiles(tmp_path, name="events", version="")
    files.log_metrics({"first": 1.0}, step=0)
    with monkeypatch.context() as patch:
        patch.setattr(Queue, "_put", interrupted)
        with pytest.raises(KeyboardInterrupt):
            files.log_metrics({"second": 1.0}, step=1)
    files.finalize("stopped")
    [written] = (tmp_path / "events").glob("events.*")
    assert b"second" in written.read_bytes()


@pytest.mark.parametrize("call", ["save", "log_hyperparams"])
def test_other_calls_are_not_interrupted_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    ended: list[str] = []

    def interrupted(*_arguments: Any) -> None:
        signal.raise_signal(signal.SIGINT)
        ended.append(call)

    monkeypatch.setattr(EventFiles.__mro__[1], call, interrupted)
    files = EventFiles(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        getattr(files, call)(*([{}] if call == "log_hyperparams" else []))
    assert ended == [call]


def test_without_an_interrupt_the_handler_is_restored() -> None:
    before = signal.getsignal(signal.SIGINT)
    with uninterrupted():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


def test_an_error_in_the_block_is_raised() -> None:
    with pytest.raises(ValueError, match="no"), uninterrupted():
        raise ValueError("no")


def test_other_threads_keep_the_handler() -> None:
    before = signal.getsignal(signal.SIGINT)
    seen: list[Any] = []

    def work() -> None:
        with uninterrupted():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
