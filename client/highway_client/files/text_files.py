"""Files of text, decoded in pieces."""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from highway_client.errors import FileError
from highway_client.files.compression import WHOLE, Span, check_kind, pieces
from highway_client.files.encodings import (
    WESTERN,
    Lines,
    found_encoding,
    known_encoding,
    marked_encoding,
)

MARK = "\ufeff"  # the byte order mark, decoded


@dataclass(frozen=True, kw_only=True)
class TextFile:
    """A file of text, and notes on how it is read; `name` begins the messages of its errors.

    `span` is the part of the text to read.
    """

    path: Path
    name: str
    encoding: str
    notes: tuple[str, ...] = ()
    span: Span = WHOLE

    def decoded(self) -> Iterator[str]:
        """Yield the text in pieces, without byte order marks; every error is a `FileError`."""
        decoder = codecs.getincrementaldecoder(self.encoding)()
        lines, is_begun = Lines(self.span.line), self.span.start > 0
        for piece in chain(pieces(self.path, self.name, self.span), (b"",)):
            try:
                text = decoder.decode(piece, final=not piece)
            except UnicodeError as error:
                raise self._wrong_bytes(error, lines) from error
            if not is_begun:
                text = text.lstrip(MARK)
                is_begun = bool(text)
            if "\0" in text:
                lines.add(text[: text.index("\0")])
                raise FileError(
                    f"{self.name}, line {lines.number}: expected text, found a zero byte; save "
                    "the table as text again, or name its encoding with --encoding"
                )
            lines.add(text)
            yield text

    def _wrong_bytes(self, error: UnicodeError, lines: Lines) -> FileError:
        found = "other bytes"
        if isinstance(error, UnicodeDecodeError):
            # Latin-1 decodes anything; without zero bytes it has the line ends of UTF-16 too.
            lines.add(error.object[: error.start].decode("latin-1").replace("\0", ""))
            found = f"the byte 0x{error.object[error.start]:02x}"
        return FileError(
            f"{self.name}, line {lines.number}: expected text in the encoding {self.encoding!r}, "
            f"found {found}; name another one with --encoding"
        )


def open_text(path: Path, name: str, encoding: str | None) -> TextFile:
    """Find how a file is encoded, unless `encoding` says it; errors and `name` as in `TextFile`."""
    check_kind(path, name)
    if encoding is not None:
        return TextFile(path=path, name=name, encoding=known_encoding(encoding))
    start = next(pieces(path, name), b"")
    marked = marked_encoding(start)
    if marked is not None:
        note = f"{name}: read as {marked.upper()}; --encoding names another encoding"
        return TextFile(path=path, name=name, encoding=marked, notes=(note,))
    encoding, line = found_encoding(pieces(path, name), name)
    notes: tuple[str, ...] = ()
    if encoding == WESTERN:
        notes = (
            f"{name}: read as {WESTERN} (Latin-1 of Windows), because line {line} is not UTF-8; "
            "--encoding names another encoding",
        )
    elif start.startswith(codecs.BOM_UTF8 * 2):
        notes = (f"{name}: ignored a second byte order mark at the beginning",)
    return TextFile(path=path, name=name, encoding=encoding, notes=notes)
