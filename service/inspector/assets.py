"""The static files of the pages, read once: their bytes, media types and one digest of all.

A page refers to the other files by the digest, so that a browser may keep them forever and never
mixes the files of two releases.
"""

import gzip
import hashlib
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from service.inspector.joined_modules import join_modules

STATIC = Path(__file__).parent / "static"
PAGES = ("index.html", "docs/index.html")  # of the inspector, and of the API
MAIN = "main.js"
STYLES = "styles"  # the folder whose files are served as one, `STYLESHEET`
STYLESHEET = "styles.css"
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
DIGEST_LENGTH = 16  # hexadecimal digits
LEVEL = 9  # of gzip; all files of the inspector together take about 10 ms

# A comment that fills lines; the browser needs none, and they are a third of the bytes.
_COMMENT = re.compile(rb"^[ \t]*(?://[^\n]*|/\*(?:[^*]|\*(?!/))*\*/[ \t]*)\n", re.MULTILINE)


class Asset:
    """One file as it is sent: its bytes and its media type."""

    def __init__(self, path: str, content: bytes) -> None:
        self.content = content
        self.media_type = MEDIA_TYPES[Path(path).suffix]

    @cached_property
    def compressed(self) -> bytes:
        """The bytes in gzip; computed once, for the first client that wants them."""
        return gzip.compress(self.content, LEVEL, mtime=0)

    @cached_property
    def etag(self) -> str:
        """The entity tag of HTTP; weak, since it is that of both forms."""
        return f'W/"{_digest(self.content)}"'


class Assets(NamedTuple):
    """The pages, and the files that they load, by path."""

    pages: Mapping[str, Asset]
    files: Mapping[str, Asset]
    digest: str


def read_assets(folder: Path = STATIC, values: Mapping[str, str] = MappingProxyType({})) -> Assets:
    """Read all files below a folder; pages have `values` in place of their names in braces."""
    contents = dict(_contents(folder))
    sources = {path: contents.pop(path) for path in PAGES}
    contents |= join_modules(MAIN, contents)
    # Of what is sent: a browser keeps it for a year, also if another join made it of these files.
    digest = _digest(
        b"".join(path.encode() + text for path, text in sorted((sources | contents).items()))
    )
    values = {**values, "digest": digest}
    pages = {path: Asset(path, _filled(source, values)) for path, source in sources.items()}
    return Assets(pages, {path: Asset(path, contents[path]) for path in contents}, digest)


def _contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the path and the bytes of each file; the style sheets are joined."""
    styles = []
    for path in sorted(folder.rglob("*")):
        if path.suffix in MEDIA_TYPES:
            name = path.relative_to(folder).as_posix()
            content = path.read_bytes()
            if path.suffix in {".css", ".js"}:
                content = _COMMENT.sub(b"", content)
            if name.startswith(f"{STYLES}/"):
                styles.append(content)
            else:
                yield name, content
    yield STYLESHEET, b"\n".join(styles)


def _filled(page: bytes, values: Mapping[str, str]) -> bytes:
    for name, value in values.items():
        page = page.replace(b"{%b}" % name.encode(), value.encode())
    return page


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:DIGEST_LENGTH]
