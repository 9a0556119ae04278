import pytest

from benchmarks.serving.page import filled
from benchmarks.workers import __main__ as module


@pytest.fixture
def _processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "description", dict)


@pytest.mark.usefixtures("_processor")
def test_the_page_has_a_place_for_every_table() -> None:
    parts = module.tables([], [])
    assert filled(module.PAGE.read_text(), parts).count("Not measured.") == len(parts)
