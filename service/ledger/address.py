"""Where the ledger lies, read off `HIGHWAY_LEDGER_URL` without loading a database's driver."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, urlsplit

OFF = "off"
FILE = "ledger.db"

_SQLITE = "sqlite:///"
_POSTGRESQL = ("postgresql", "postgres", "postgresql+psycopg")
_EXPECTED = (
    "expected off, sqlite:///FILE or postgresql://USER:PASSWORD@HOST:PORT/DATABASE, found another"
)


class AddressError(ValueError):
    """A text that names no database of a kind that is supported; repeats nothing of it."""


@dataclass(frozen=True, kw_only=True)
class Address:
    """A database; `url` as SQLAlchemy takes it, `shown` without password and options.

    `path` is SQLite's file, which is `own` where nobody has chosen it.
    """

    kind: Literal["sqlite", "postgresql"]
    url: str
    shown: str
    path: Path | None = None
    own: bool = False


def read_address(text: str | None) -> Address | None:
    """Return the database of this URL, None for "off", the user's own for None."""
    if text is None:
        return _of_file(_own_file(), own=True)
    if text == OFF:
        return None
    if text.startswith(_SQLITE):
        name = text.removeprefix(_SQLITE)
        if name in ("", ":memory:"):
            raise AddressError(f"{_EXPECTED}: a database without a file")
        return _of_file(Path(name).absolute(), own=False)
    return _of_server(text)


def _of_file(path: Path, *, own: bool) -> Address:
    return Address(kind="sqlite", url=_SQLITE, shown=f"{_SQLITE}{path}", path=path, own=own)


def _own_file() -> Path:
    from platformdirs import user_data_path

    return user_data_path("highway-networks") / FILE


def _of_server(text: str) -> Address:
    try:
        parts = urlsplit(text)
        host = _host(parts)
    except ValueError as error:  # a port that is no number
        raise AddressError(_EXPECTED) from error
    if parts.netloc.count("@") > 1:  # else half of the password would pass for the host's name
        raise AddressError(f"{_EXPECTED}; write an @ in a password as %40")
    if parts.scheme not in _POSTGRESQL or not text.startswith(f"{parts.scheme}://"):
        raise AddressError(_EXPECTED)
    user = f"{parts.username}@" if parts.username else ""
    return Address(
        kind="postgresql",
        url=text.replace(parts.scheme, "postgresql+psycopg", 1),
        shown=f"postgresql://{user}{host}{parts.path}",
    )


def _host(parts: SplitResult) -> str:
    name = parts.hostname or ""
    name = f"[{name}]" if ":" in name else name
    return name if parts.port is None else f"{name}:{parts.port}"
