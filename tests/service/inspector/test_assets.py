import gzip
import re
from pathlib import Path

import pytest

from service.inspector.assets import STATIC, Assets, read_assets
from service.inspector.joined_modules import join_modules

MODULE = re.compile(r'(?:\bfrom|\bimport)\s*\(?\s*"(\.[^"]+)"')
SVG = "http://www.w3.org/2000/svg"
SOURCES = sorted(
    path for path in STATIC.rglob("*") if path.suffix in (".js", ".css", ".html", ".svg")
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A page of two modules and two style sheets, and a page of the API."""
    files = {
        "index.html": '<link href="inspector/{digest}/styles.css">',
        "docs/index.html": "{swagger} {digest}",
        "main.js": 'import { a } from "./part/a.js";\nimport "./b.js";\n',
        "part/a.js": 'import { b } from "../b.js";\nexport const a = b;\n',
        "b.js": "export const b = 1;\n",
        "unused.js": "",
        "styles/2-second.css": "b {}\n",
        "styles/1-first.css": "a {}\n",
        "icon.svg": "<svg/>",
        "README.md": "not served",
    }
    for path, content in files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(content)
    return tmp_path


def read(folder: Path) -> Assets:
    return read_assets(folder, {"swagger": "5.1"})


def test_files_have_their_paths_and_media_types(folder: Path) -> None:
    files = read(folder).files
    assert {path: asset.media_type for path, asset in files.items()} == {
        **dict.fromkeys(
            ("main.js", "part/a.js", "b.js", "unused.js"), "text/javascript; charset=utf-8"
        ),
        "styles.css": "text/css; charset=utf-8",
        "icon.svg": "image/svg+xml",
    }


def test_the_style_sheets_are_one_in_the_order_of_their_names(folder: Path) -> None:
    assert read(folder).files["styles.css"].content == b"a {}\n\nb {}\n"


def test_the_pages_name_the_digest(folder: Path) -> None:
    found = read(folder)
    page, docs = (found.pages[path].content.decode() for path in ("index.html", "docs/index.html"))
    assert page == f'<link href="inspector/{found.digest}/styles.css">'
    assert docs == f"5.1 {found.digest}"


def test_the_main_file_holds_the_modules_that_it_imports(folder: Path) -> None:
    files = read(folder).files
    assert b"b.js" in files["main.js"].content
    assert b'from "../main.js"' in files["part/a.js"].content


@pytest.mark.parametrize(
    "path", ["index.html", "docs/index.html", "b.js", "styles/1-first.css", "icon.svg"]
)
def test_the_digest_changes_with_every_file(folder: Path, path: str) -> None:
    before = read(folder)
    assert read(folder).digest == before.digest
    (folder / path).write_text("export const b = 2;\n" if path == "b.js" else "{digest}")
    after = read(folder)
    assert after.digest != before.digest
    assert after.pages["index.html"].etag != before.pages["index.html"].etag


def test_another_join_of_the_same_files_has_another_digest(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The browser keeps files for a year, so a release that joins them otherwise needs new ones."""
    before = read(folder)
    monkeypatch.setattr(
        "service.inspector.assets.join_modules",
        lambda *given: {**join_modules(*given), "main.js": b"// another\n"},
    )
    assert read(folder).digest != before.digest


def test_a_file_is_compressed_once(folder: Path) -> None:
    asset = read(folder).files["b.js"]
    assert gzip.decompress(asset.compressed) == asset.content
    assert asset.compressed is asset.compressed


def test_every_import_of_the_pages_names_a_file() -> None:
    imports = 0
    for module in STATIC.rglob("*.js"):
        for imported in MODULE.findall(module.read_text()):
            assert (module.parent / imported).is_file(), (module, imported)
            imports += 1
    assert imports > 10


def test_the_page_loads_every_module_that_is_there() -> None:
    """A module that is imported nowhere, not even later, is dead."""
    reached = [STATIC / "main.js"]
    for module in reached:
        for imported in MODULE.findall(module.read_text()):
            target = (module.parent / imported).resolve()
            reached += [target] if target not in reached else []
    assert set(reached) | set((STATIC / "docs").glob("*.js")) == set(STATIC.rglob("*.js"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(STATIC).as_posix())
def test_no_file_breaks_the_rules_of_the_pages(path: Path) -> None:
    text = path.read_text()
    for forbidden in ("innerHTML", "outerHTML", "insertAdjacentHTML", "eval(", "style="):
        assert forbidden not in text
    addresses = re.findall(r'https?://[^\s"\')]*', text)
    assert set(addresses) <= {SVG}  # nothing of another origin
    assert not re.search(r'(?:href|src)="/', text)  # a prefix of the path must work
    assert text.count("\n") <= 400


def test_the_first_view_is_small() -> None:
    """60 kB, gzipped: what the page loads before a person can draw."""
    found = read_assets()
    files = [found.files[path] for path in ("main.js", "styles.css", "icon.svg")]
    loaded = [found.pages["index.html"], *files]
    assert sum(len(asset.compressed) for asset in loaded) <= 60_000
