"""The columns of a table to read, and how the user declared their strings."""

import codecs
import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from unicodedata import normalize

from highway_client.files.cells import is_date_format

from models.errors import ConfigError
from service.contract import TextFormat

NUMBER, CATEGORY, DATE = "number", "category", "date"
KINDS = (NUMBER, CATEGORY, DATE, f"{DATE}:FORMAT")
PLAIN_TEXT = TextFormat()  # declares nothing
TABS = ("tab", r"\t")


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which column is the target, which columns are left out, and how strings are read."""

    target: str | None = None
    exclude: tuple[str, ...] = ()
    text: TextFormat = PLAIN_TEXT

    def declared(self, name: str) -> str | None:
        """Return the declared kind of a column, or None."""
        return dict(self.text.columns).get(name)


def parse_columns(declarations: Sequence[str]) -> dict[str, str]:
    """Read strings such as "age=number": a column and its kind, after the last "=".

    Raises `ConfigError` for a text without "=", or a column declared twice.
    """
    columns: dict[str, str] = {}
    for declaration in declarations:
        name, equals, kind = declaration.rpartition("=")
        if not equals:
            raise ConfigError(
                f"--column: expected NAME=KIND such as age=number, found {declaration!r}"
            )
        if columns.setdefault(name, kind) != kind:
            raise ConfigError(
                f"--column: column {name!r} is declared as {columns[name]} and as {kind}; keep one"
            )
    return columns


def parse_missing(text: str) -> tuple[str, ...]:
    """Read strings with commas between them; one in quotes can hold commas and outer spaces."""
    return tuple(next(csv.reader([text], skipinitialspace=True), []))


def write_missing(strings: Sequence[str]) -> str:
    """Write strings such that `parse_missing` reads them."""
    return ",".join(map(_quoted, strings))


def _quoted(text: str) -> str:
    is_plain = text == text.strip() and not any(mark in text for mark in ',"\r\n')
    doubled = text.replace('"', '""')
    return text if is_plain else f'"{doubled}"'


def text_format(
    *,
    columns: Mapping[str, str],
    missing: Sequence[str],
    decimal: str,
    delimiter: str | None,
    encoding: str | None,
    keep_spaces: bool,
) -> TextFormat:
    """Return the declarations in one form: names in NFC, and a tab for the word.

    Raises `ConfigError` for an unknown kind, decimal mark, delimiter or encoding.
    """
    for name, kind in columns.items():
        _check_kind(name, kind)
    if decimal not in (".", ","):
        raise ConfigError(f"--decimal: expected '.' or ',', found {decimal!r}")
    return TextFormat(
        columns=tuple((normalize("NFC", name), kind) for name, kind in columns.items()),
        missing=tuple(dict.fromkeys(text for text in missing if text.strip())),
        decimal=decimal,
        delimiter=None if delimiter is None else _delimiter(delimiter),
        encoding=None if encoding is None else _encoding(encoding),
        keep_spaces=keep_spaces,
    )


def _check_kind(name: str, kind: str) -> None:
    word, _, date_format = kind.partition(":")
    if kind not in KINDS[:3] and (word != DATE or not date_format):
        raise ConfigError(
            f"--column: expected {', '.join(KINDS[:3])} or {KINDS[3]} for column {name!r}, found "
            f"{kind!r}"
        )
    if date_format and not is_date_format(date_format):
        raise ConfigError(
            f"--column: expected a FORMAT of strptime with a year, such as %d/%m/%Y, for column "
            f"{name!r}, found {date_format!r}"
        )


def _delimiter(text: str) -> str:
    mark = "\t" if text in TABS else text
    if len(mark) != 1 or mark.isalnum() or mark in '"\r\n\0':
        raise ConfigError(
            f"--delimiter: expected one character such as ';', or tab, found {text!r}"
        )
    return mark


def _encoding(name: str) -> str:
    try:
        return codecs.lookup(name).name
    except (LookupError, ValueError) as error:
        raise ConfigError(
            f"--encoding: expected an encoding such as utf-8, cp1252 or utf-16, found {name!r}"
        ) from error
