import subprocess
import sys
from pathlib import Path

import pytest

from service.database_url import DatabaseUrlError, read_database_url
from tests.conftest import ROOT


def test_the_default_is_a_file_in_the_users_data_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    database = read_database_url(None)
    assert database is not None
    assert database.path == tmp_path / "highway-networks" / "ledger.db"
    assert (database.kind, database.is_default) == ("sqlite", True)
    assert list(tmp_path.iterdir()) == []  # nothing is created


def test_off_disables_the_ledger() -> None:
    assert read_database_url("off") is None


@pytest.mark.parametrize("url", ["off", "sqlite:////data/l.db", "postgresql://ann@db/ledger"])
def test_a_line_break_at_the_end_does_not_count(url: str) -> None:
    assert read_database_url(f"{url}\n") == read_database_url(url)


def test_a_file_name_is_not_decoded() -> None:
    database = read_database_url("sqlite:////var/lib/a%20b?c.db")
    assert database is not None
    assert database.path == Path("/var/lib/a%20b?c.db")
    assert (database.redacted, database.is_default) == ("sqlite:////var/lib/a%20b?c.db", False)


def test_a_relative_file_is_resolved_at_the_start() -> None:
    database = read_database_url("sqlite:///here.db")
    assert database is not None
    assert database.path == Path("here.db").absolute()


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_postgresql_is_used_through_psycopg(scheme: str) -> None:
    database = read_database_url(f"{scheme}://me:word@host:5433/base?sslmode=require")
    assert database is not None
    assert database.url == "postgresql+psycopg://me:word@host:5433/base?sslmode=require"
    assert (database.kind, database.path) == ("postgresql", None)


@pytest.mark.parametrize(
    ("url", "redacted"),
    [
        ("postgresql://me:word@host:5433/base", "postgresql://me@host:5433/base"),
        ("postgresql://host/base?user=me&password=word", "postgresql://host/base"),
        ("postgresql://me:wo%40rd@[::1]:5433/base", "postgresql://me@[::1]:5433/base"),
        ("postgresql:///base", "postgresql:///base"),
    ],
)
def test_the_redacted_url_has_no_password(url: str, redacted: str) -> None:
    database = read_database_url(url)
    assert database is not None
    assert database.redacted == redacted


EXPECTED = "expected off, sqlite:///FILE or postgresql://USER:PASSWORD@HOST:PORT/DATABASE"


@pytest.mark.parametrize(
    "url",
    [
        *("", "OFF", "on", "ledger.db", "mysql://me:word@host/base", "sqlite://", "sqlite:ledger"),
        *("postgresql:base", "postgresql://host:port/base", "postgresql://[::1/base"),
        "postgresql+asyncpg://me:word@host/base",
    ],
)
def test_an_unsupported_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(DatabaseUrlError) as error:
        read_database_url(url)
    assert str(error.value) == EXPECTED


def test_an_unescaped_at_sign_in_a_password_is_refused() -> None:
    with pytest.raises(DatabaseUrlError) as error:
        read_database_url("postgresql://me:se@cret@host/base")
    assert str(error.value) == f"{EXPECTED}; write an @ in the password as %40"


@pytest.mark.parametrize("url", ["sqlite:///", "sqlite:///:memory:"])
def test_a_database_without_a_file_is_refused(url: str) -> None:
    with pytest.raises(DatabaseUrlError) as error:
        read_database_url(url)
    assert str(error.value) == f"{EXPECTED}, found SQLite without a file"


# As in a container that runs as a user who is not in /etc/passwd.
WITHOUT_HOME = """
import os, pwd, sys
import platformdirs, platformdirs.unix, service.__main__, service.commands, service.server.start
for name in ("HOME", "XDG_DATA_HOME", "HIGHWAY_LEDGER_URL"):
    os.environ.pop(name, None)
if os.getuid() == 0:
    os.setuid(54321)
else:
    def unknown(uid):
        raise KeyError(uid)
    pwd.getpwuid = unknown
sys.argv = ["service", "serve", "--port", "0"]
service.__main__.main()
"""


def test_a_user_without_a_home_gets_one_sentence() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_HOME], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (
        1,
        "error: HIGHWAY_LEDGER_URL: this user has no home folder for the ledger's default file; "
        "set the variable to sqlite:///FILE or off\n",
    )
