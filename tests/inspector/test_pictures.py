"""Pictures that are opened, dropped or pasted, good and bad ones."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from playwright.sync_api import FilePayload, Page, expect

from tests.inspector.browser import module, state, until
from tests.inspector.input_steps import drag, wait_for_answer

OPEN = "Open a picture"

Levels = NDArray[np.uint8]


@pytest.fixture
def page(shared_page: Page) -> Page:
    return shared_page


def seven(size: tuple[int, int], ink: int = 20, paper: int = 235) -> Image.Image:
    """Return a photographed seven: dark on light paper with grain and a shade, off-centre."""
    width, height = size
    image = Image.new("L", size, paper)
    corners = [
        (0.5 * width, 0.2 * height),
        (0.75 * width, 0.2 * height),
        (0.6 * width, 0.65 * height),
    ]
    ImageDraw.Draw(image).line(corners, fill=ink, width=round(0.05 * height), joint="curve")
    grain = np.random.default_rng(1).normal(scale=4, size=(height, width))
    shade = np.linspace(0, -20, width)
    return Image.fromarray(np.clip(np.array(image) + grain + shade, 0, 255).astype(np.uint8))


def encoded(image: Image.Image, kind: str) -> bytes:
    content = io.BytesIO()
    image.save(content, kind)
    return content.getvalue()


def upload(page: Page, name: str, content: bytes) -> None:
    file = FilePayload(name=name, mimeType="image/png", buffer=content)
    page.locator("input[type=file]").set_input_files(file)


def message(page: Page) -> Any:
    return page.locator("image-input .message")


def test_a_photo_on_light_paper_is_scaled_swapped_and_centred(page: Page, port: int) -> None:
    upload(page, "photo.jpg", encoded(seven((640, 480)), "JPEG"))
    expect(message(page)).to_have_text(
        "The picture has 640 × 480 pixels; it was scaled to 28 × 28. "
        "It is dark on light, so dark and light were swapped, as the training pictures have it."
    )
    assert wait_for_answer(page, port)["label"] == "7"
    assert state(page, "s.input.name") == "photo.jpg"
    swap = page.get_by_label("Swap dark and light")
    expect(swap).to_be_checked()
    swap.uncheck()
    page.get_by_label("Centre like the training pictures").uncheck()
    expect(message(page)).to_have_text(
        "Its proportions were kept; the margins have the mean colour of its border."
    )
    expected = np.array(seven((640, 480)).resize((28, 21), Image.Resampling.BOX), float)
    pixels = np.array(state(page, "s.instance"))
    assert np.abs(pixels[3:24] - expected).max() <= 6
    # The border's mean: paper of 235 with a shade from 0 to 20.
    assert np.abs(np.concatenate([pixels[:3], pixels[24:]]) - 225).max() <= 4
    for _ in range(3):
        page.get_by_role("button", name="Undo").click()
    assert state(page, "s.input") is None
    expect(swap).to_be_hidden()


@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP", "BMP"])
def test_a_picture_of_the_models_size_is_sent_unchanged(page: Page, kind: str) -> None:
    levels = np.random.default_rng(3).integers(0, 256, (28, 28), dtype=np.uint8)
    image = Image.fromarray(levels)
    content = io.BytesIO()
    image.save(content, kind, **({"lossless": True} if kind == "WEBP" else {}))
    upload(page, "exact", content.getvalue())
    expect(message(page)).to_have_text("The picture has 28 × 28 pixels; it was sent as it is.")
    assert state(page, "s.instance") == levels.tolist()
    expect(page.get_by_label("Centre like the training pictures")).not_to_be_checked()


def test_colours_become_grey_as_the_project_converts_them(page: Page) -> None:
    colours = np.random.default_rng(4).integers(0, 256, (28, 28, 3), dtype=np.uint8)
    image = Image.fromarray(colours)
    upload(page, "colours.png", encoded(image, "PNG"))
    until(page, "s.instance !== null")
    assert (
        np.abs(np.array(state(page, "s.instance")) - np.array(image.convert("L"), float)).max() <= 1
    )


def test_a_light_drawing_on_dark_is_not_swapped(page: Page, port: int) -> None:
    image = seven((300, 300), ink=255, paper=0)
    upload(page, "chalk.webp", encoded(image, "WEBP"))
    expect(message(page)).to_have_text(
        "The picture has 300 × 300 pixels; it was scaled to 28 × 28."
    )
    assert wait_for_answer(page, port)["label"] == "7"


def huge_png() -> bytes:
    """Return a PNG file whose header says 20,000 × 20,000 pixels."""

    def chunk(name: bytes, content: bytes) -> bytes:
        check = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


NOT_A_PICTURE = (
    "This file is not a picture that the page can read; choose PNG, JPEG, WebP, GIF or BMP."
)


def test_bad_files_get_a_sentence_and_the_drawing_is_kept(page: Page, tmp_path: Path) -> None:
    drag(page, [(0.5, 0.2), (0.5, 0.8)])
    drawing = state(page, "s.input")
    whole = encoded(seven((200, 200)), "PNG")
    large = tmp_path / "large.png"
    large.write_bytes(whole)
    with large.open("r+b") as file:
        file.truncate(50_000_000)
    for content, sentence in {
        whole[: len(whole) // 2]: "The picture is damaged; the browser cannot read it.",
        whole[:60]
        + bytes(100)
        + whole[160:]: "The picture is damaged; the browser cannot read it.",
        whole[:10]: NOT_A_PICTURE,
        b"seven": NOT_A_PICTURE,
        b"": NOT_A_PICTURE,
        b"<svg xmlns='http://www.w3.org/2000/svg'/>": NOT_A_PICTURE,
        huge_png(): "The picture has 20,000 × 20,000 pixels; "
        "the page reads up to 50 million pixels.",
    }.items():
        message(page).evaluate("(message) => { message.textContent = ''; }")
        upload(page, "seven.png", content)
        expect(message(page)).to_have_text(f"{sentence} Nothing was changed.")
        assert state(page, "s.input") == drawing
    page.locator("input[type=file]").set_input_files(large)
    expect(message(page)).to_have_text(
        "The file has 50 MB; the page reads pictures up to 30 MB. Nothing was changed."
    )
    assert state(page, "s.input") == drawing
    drag(page, [(0.3, 0.3), (0.7, 0.3)])
    assert len(state(page, "s.input.strokes")) == 2
    expect(message(page)).to_have_text("")


SEND = """(target, [type, files, text]) => {
  const data = new DataTransfer();
  for (const bytes of files) {
    data.items.add(new File([new Uint8Array(bytes)], "image.png", { type: "image/png" }));
  }
  if (text) data.setData("text/plain", text);
  const event = type === "paste"
    ? new ClipboardEvent(type, { clipboardData: data, bubbles: true, cancelable: true })
    : new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true });
  target.dispatchEvent(event);
  return event.defaultPrevented;
}"""


def test_pictures_are_dropped_and_pasted(page: Page, port: int) -> None:
    panel, body = page.locator("input-panel"), page.locator("body")
    picture = list(encoded(seven((60, 60)), "PNG"))
    assert panel.evaluate(SEND, ["dragover", [picture], ""])
    assert "dropping" in (panel.get_attribute("class") or "")
    panel.evaluate(SEND, ["drop", [picture], ""])
    assert "dropping" not in (panel.get_attribute("class") or "")
    expect(message(page)).to_contain_text("60 × 60")
    assert wait_for_answer(page, port)["label"] == "7"
    dropped = state(page, "s.input")

    for kind, text, sentence in [
        ("drop", "a link", "What was dropped is not a picture file; nothing was changed."),
        ("paste", "some text", "The clipboard has no picture; nothing was changed."),
        ("paste", "", "The clipboard is empty; copy a picture first."),
    ]:
        target = panel if kind == "drop" else body
        target.evaluate(SEND, [kind, [], text])
        expect(message(page)).to_have_text(sentence)
        assert state(page, "s.input") == dropped
    body.evaluate(SEND, ["paste", [list(encoded(seven((90, 60)), "PNG"))], ""])
    expect(message(page)).to_contain_text("90 × 60")
    assert state(page, "s.input.name") == "image.png"


def test_a_new_stroke_begins_a_drawing_in_place_of_the_picture(page: Page) -> None:
    upload(page, "photo.png", encoded(seven((80, 60)), "PNG"))
    until(page, "s.input !== null")
    picture = state(page, "s.input")
    drag(page, [(0.5, 0.2), (0.5, 0.8)])
    assert len(state(page, "s.input.strokes")) == 1
    page.get_by_role("button", name="Undo").click()
    assert state(page, "s.input") == picture
    expect(page.get_by_label("Swap dark and light")).to_be_visible()


def test_the_button_opens_the_choice_of_a_file(page: Page) -> None:
    file = page.locator("input[type=file]")
    file.evaluate(
        """(file) => file.addEventListener("click", (event) => {
          event.preventDefault(); // no dialog
          file.title = "opened";
        })"""
    )
    page.get_by_role("button", name=OPEN).press("Enter")
    expect(file).to_have_attribute("title", "opened")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "lossless", "extended"])
def test_the_header_of_a_file_has_the_pictures_size(module_page: Page, kind: str) -> None:
    image = Image.new("RGB", (37, 21), "white")
    others: dict[str, dict[str, Any]] = {
        "lossless": {"lossless": True},
        "extended": {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0"},
    }
    options = others.get(kind, {})
    content = io.BytesIO()
    image.save(content, kind if kind.isupper() else "WEBP", **options)
    assert size_of(module_page, content.getvalue()) == {"width": 37, "height": 21}


def size_of(page: Page, content: bytes) -> Any:
    return module(
        page,
        "input/picture-files.js",
        "({headerSize}, bytes) => headerSize(new Uint8Array(bytes))",
        list(content),
    )


def test_the_size_in_a_comment_of_a_jpeg_file_is_not_the_pictures(module_page: Page) -> None:
    def frame(width: int, height: int) -> bytes:
        return b"\xff\xc0" + struct.pack(">HBHHB", 8, 8, height, width, 0)

    # 0xff before a marker fills; the comment of 0x14 bytes has a smaller frame in it.
    comment = b"\xff\xff\xff\xfe" + struct.pack(">H", 20) + (frame(5, 4) + bytes(18))[:18]
    content = b"\xff\xd8" + comment + frame(30_000, 20_000)
    assert size_of(module_page, content) == {"width": 30_000, "height": 20_000}
    assert size_of(module_page, b"\xff\xd8" + b"\xff" * 40) is None
