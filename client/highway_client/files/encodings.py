"""The encoding of a text file, found in its bytes where that is certain."""

import codecs
from collections.abc import Iterable
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from highway_client.errors import FileError

UTF8, WESTERN = "utf-8", "cp1252"
MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark is the beginning of this one
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
SAMPLE = 4096  # bytes in which zero bytes show UTF-16
UNDEFINED = (0x81, 0x8D, 0x8F, 0x90, 0x9D)  # in cp1252
# The bytes of é, ü, ß and all other letters that Latin-1 and cp1252 have in common.
LETTERS = tuple(byte for byte in range(0xC0, 0x100) if byte not in (0xD7, 0xF7))
MOSTLY = 0.75  # of the bytes beyond ASCII


class Lines:
    """The number of the line that some text begins in, from 1."""

    def __init__(self, first: int = 1) -> None:
        self.number = first
        self._has_return = False  # at the end of the text before

    def add(self, text: str) -> None:
        """Count the line ends of the next text."""
        self.number += text.count("\n") - (self._has_return and text.startswith("\n"))
        if "\r" in text:
            self.number += text.count("\r") - text.count("\r\n")
        if text:
            self._has_return = text.endswith("\r")


def known_encoding(name: str) -> str:
    """Return Python's name of a text encoding; a `FileError` if there is none of this name."""
    try:
        "a".encode(name)  # a LookupError for codecs of bytes, such as base64
        codecs.getincrementaldecoder(name)
        return codecs.lookup(name).name
    except (LookupError, ValueError) as error:
        raise FileError(
            "--encoding: expected the name of a text encoding such as 'utf-8', 'cp1252' or "
            f"'shift_jis', found {name!r}"
        ) from error


def marked_encoding(start: bytes) -> str | None:
    """Return UTF-16 or UTF-32 if a file's first bytes show it: by a mark, or by zero bytes."""
    marked = next((encoding for mark, encoding in MARKS if start.startswith(mark)), None)
    return marked or _utf16(start[:SAMPLE])


def found_encoding(pieces: Iterable[bytes], name: str) -> tuple[str, int | None]:
    """Return UTF-8, or cp1252 if the bytes are certainly its text, and then the first such line.

    `name` begins the message of the `FileError` if neither is certain.
    """
    lines, decoder = Lines(), codecs.getincrementaldecoder(UTF8)()
    wrong: UnicodeDecodeError | None = None
    counts, beside_ascii = np.zeros(256, np.int64), 0
    for piece in chain(pieces, (b"",)):
        if wrong is None:
            try:
                lines.add(decoder.decode(piece, final=not piece))
            except UnicodeDecodeError as error:
                wrong = error
                lines.add(error.object[: error.start].decode())
        if not piece.isascii():
            values = np.frombuffer(piece, np.uint8)
            counts += np.bincount(values, minlength=256)
            beside_ascii += _beside_ascii(values)
    if wrong is None:
        return UTF8, None
    if _is_western(counts, beside_ascii):
        return WESTERN, lines.number
    raise FileError(
        f"{name}, line {lines.number}: expected UTF-8, found the byte "
        f"0x{wrong.object[wrong.start]:02x}; name the encoding with --encoding (for example "
        "cp1252), or save the file as UTF-8"
    )


def _utf16(start: bytes) -> str | None:
    """Return UTF-16 if a quarter of the bytes are zero, all of them on even or on odd places."""
    zeros = np.flatnonzero(np.frombuffer(start, np.uint8) == 0)
    if not len(zeros) or 4 * len(zeros) < len(start) or np.ptp(zeros % 2):
        return None
    return "utf-16-le" if zeros[0] % 2 else "utf-16-be"


def _beside_ascii(values: NDArray[np.uint8]) -> int:
    """Count the bytes beyond ASCII that are beside a letter of ASCII."""
    is_letter = np.zeros(len(values) + 2, np.bool_)
    is_letter[1:-1] = (values | 32) - np.uint8(97) < 26
    return int(((values > 127) & (is_letter[2:] | is_letter[:-2])).sum())


def _is_western(counts: NDArray[np.int64], beside_ascii: int) -> bool:
    """Whether the bytes beyond ASCII are mostly letters beside those of ASCII, as in "Müller".

    Words in Cyrillic, Greek or Chinese have no letters of ASCII.
    """
    least = MOSTLY * counts[128:].sum()
    return bool(
        not counts[list(UNDEFINED)].any()
        and counts[list(LETTERS)].sum() >= least
        and beside_ascii >= least
    )
