"""The command that takes the pictures of the page."""

from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser

from docs import draw_inspector
from tests.inspector.browser import Visit


def test_pictures_are_small_and_show_the_answer(
    browser: Browser, port: int, tmp_path: Path
) -> None:
    origin = f"http://127.0.0.1:{port}"
    name, options, state, part = draw_inspector.PICTURES[0]
    assert (name, part) == ("what-if-light", None)
    with draw_inspector.shown(browser, origin, state, options) as page:
        assert page.locator("answer-panel").inner_text().count("7") > 0
        draw_inspector.save(page, tmp_path / "page.png")
    with Image.open(tmp_path / "page.png") as picture:
        assert picture.size == (1280, 1010)
        assert len(picture.convert("RGB").getcolors(256) or []) > 20


def test_a_picture_that_is_too_large_is_an_error(
    browser: Browser, port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draw_inspector, "MAX_BYTES", 100)
    visit = Visit(browser, f"http://127.0.0.1:{port}")
    with pytest.raises(SystemExit, match="expected at most 100 bytes"):
        draw_inspector.save(visit.open(), tmp_path / "page.png")
    visit.close()
