import io
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from models.data.reading_bar import reading_bar


class Terminal(io.StringIO):
    """Standard error that is a terminal."""

    def isatty(self) -> bool:
        return True


def drawn(*, delay: float) -> str:
    """Return what a reading of two files draws in a terminal."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TERM", "xterm")
        patch.setattr(sys, "stderr", Terminal())
        patch.setattr("models.data.reading_bar.DELAY_SECONDS", delay)
        with reading_bar("reading pictures", 2) as advance:
            advance(1)
            advance(1)
        assert isinstance(sys.stderr, Terminal)
        return sys.stderr.getvalue()


def test_a_long_reading_shows_a_bar() -> None:
    assert "reading pictures" in drawn(delay=0.0)


def test_a_short_reading_shows_nothing() -> None:
    assert drawn(delay=60.0) == ""


def test_a_worker_process_shows_nothing() -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        assert pool.submit(drawn, delay=0.0).result() == ""


def test_nothing_is_shown_outside_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.data.reading_bar.DELAY_SECONDS", 0.0)
    with reading_bar("reading pictures", 1) as advance:
        advance(1)
    assert capsys.readouterr().err == ""
