"""The ledger's database, read from `HIGHWAY_LEDGER_URL` without loading a database driver."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

OFF = "off"
DEFAULT_FILE = "ledger.db"

_SQLITE = "sqlite:///"
_POSTGRESQL = ("postgresql", "postgres", "postgresql+psycopg")
_EXPECTED = "expected off, sqlite:///FILE or postgresql://USER:PASSWORD@HOST:PORT/DATABASE"


class DatabaseUrlError(ValueError):
    """The URL of an unsupported database, or no default; the message does not repeat the URL."""


@dataclass(frozen=True, kw_only=True)
class DatabaseUrl:
    """A database; `url` is for SQLAlchemy, `redacted` has no password and no options.

    `path` is SQLite's file. `is_default` is set if the user did not choose the file.
    """

    kind: Literal["sqlite", "postgresql"]
    url: str
    redacted: str
    path: Path | None = None
    is_default: bool = False


def read_database_url(text: str | None) -> DatabaseUrl | None:
    """Return the database of a URL, None for "off", the file in the user's data folder for None."""
    if text is None:
        from platformdirs import user_data_path

        try:
            folder = user_data_path("highway-networks")
        except RuntimeError as error:
            raise DatabaseUrlError(
                "this user has no home folder for the ledger's default file; set the variable to "
                "sqlite:///FILE or off"
            ) from error
        return _sqlite(folder / DEFAULT_FILE, is_default=True)
    text = text.strip()  # a secret made of a file ends with a line break
    if text == OFF:
        return None
    if text.startswith(_SQLITE):
        name = text.removeprefix(_SQLITE)
        if name in ("", ":memory:"):
            raise DatabaseUrlError(f"{_EXPECTED}, found SQLite without a file")
        return _sqlite(Path(name).absolute(), is_default=False)
    return _postgresql(text)


def _sqlite(path: Path, *, is_default: bool) -> DatabaseUrl:
    shown = f"{_SQLITE}{path}"
    return DatabaseUrl(kind="sqlite", url=_SQLITE, redacted=shown, path=path, is_default=is_default)


def _postgresql(text: str) -> DatabaseUrl:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as error:  # the port is not a number
        raise DatabaseUrlError(_EXPECTED) from error
    if parts.netloc.count("@") > 1:  # half of the password would be shown as the host
        raise DatabaseUrlError(f"{_EXPECTED}; write an @ in the password as %40")
    if parts.scheme not in _POSTGRESQL or not text.startswith(f"{parts.scheme}://"):
        raise DatabaseUrlError(_EXPECTED)
    user = f"{parts.username}@" if parts.username else ""
    return DatabaseUrl(
        kind="postgresql",
        url=text.replace(parts.scheme, "postgresql+psycopg", 1),
        redacted=f"postgresql://{user}{parts.netloc.rpartition('@')[2]}{parts.path}",
    )
