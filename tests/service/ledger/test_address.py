from pathlib import Path

import pytest

from service.ledger.address import AddressError, read_address


def test_unless_told_it_is_a_file_in_the_users_data_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    address = read_address(None)
    assert address is not None
    assert address.path == tmp_path / "highway-networks" / "ledger.db"
    assert (address.kind, address.own) == ("sqlite", True)
    assert list(tmp_path.iterdir()) == []  # so far


def test_off_is_none() -> None:
    assert read_address("off") is None


def test_a_file_is_taken_as_it_is_called() -> None:
    address = read_address("sqlite:////var/lib/a%20b?c.db")
    assert address is not None
    assert address.path == Path("/var/lib/a%20b?c.db")
    assert (address.shown, address.own) == ("sqlite:////var/lib/a%20b?c.db", False)


def test_a_file_may_be_told_from_where_the_server_starts() -> None:
    address = read_address("sqlite:///here.db")
    assert address is not None
    assert address.path == Path("here.db").absolute()


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_a_server_is_asked_by_psycopg(scheme: str) -> None:
    address = read_address(f"{scheme}://me:word@host:5433/base?sslmode=require")
    assert address is not None
    assert address.url == "postgresql+psycopg://me:word@host:5433/base?sslmode=require"
    assert (address.kind, address.path) == ("postgresql", None)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:word@host:5433/base", "postgresql://me@host:5433/base"),
        ("postgresql://host/base?user=me&password=word", "postgresql://host/base"),
        ("postgresql://me:wo%40rd@[::1]:5433/base", "postgresql://me@[::1]:5433/base"),
        ("postgresql:///base", "postgresql:///base"),
    ],
)
def test_what_is_shown_holds_no_password(url: str, shown: str) -> None:
    address = read_address(url)
    assert address is not None
    assert address.shown == shown


EXPECTED = (
    "expected off, sqlite:///FILE or postgresql://USER:PASSWORD@HOST:PORT/DATABASE, found another"
)


@pytest.mark.parametrize(
    "url",
    [
        *("", "OFF", "on", "ledger.db", "mysql://me:word@host/base", "sqlite://", "sqlite:ledger"),
        *("postgresql:base", "postgresql://host:port/base", "postgresql://[::1/base"),
        "postgresql+asyncpg://me:word@host/base",
    ],
)
def test_another_text_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(AddressError) as error:
        read_address(url)
    assert str(error.value) == EXPECTED


def test_a_password_with_an_at_sign_in_it_is_refused_before_half_of_it_passes_for_a_host() -> None:
    with pytest.raises(AddressError) as error:
        read_address("postgresql://me:se@cret@host/base")
    assert str(error.value) == f"{EXPECTED}; write an @ in a password as %40"


@pytest.mark.parametrize("url", ["sqlite:///", "sqlite:///:memory:"])
def test_a_database_without_a_file_is_refused(url: str) -> None:
    with pytest.raises(AddressError) as error:
        read_address(url)
    assert str(error.value) == f"{EXPECTED}: a database without a file"
