"""The ledger in a real server: stops, kills, workers and imports."""

import io
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pyarrow.parquet as pq
import pytest

from service.ledger.ledger import open_ledger
from service.settings import Settings
from service.shared_counters import SharedCounters
from tests.conftest import ROOT
from tests.service.serving import eventually, fetch, predict, serving, workers_of


def rows(path: Path) -> list[Any]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute("SELECT id, weight FROM ledger_requests").fetchall()
    finally:
        connection.close()


def test_without_a_database_there_is_no_ledger() -> None:
    assert open_ledger(Settings(ledger_url="off"), SharedCounters()) is None


def test_the_workers_share_the_rate() -> None:
    ledger = open_ledger(
        Settings(ledger_url="sqlite:///x.db", ledger_rate=40, workers=4), SharedCounters()
    )
    assert ledger is not None
    # half a second of 40 rows a second, in 4 processes
    assert ledger.observer._sample.size == 5


def test_the_default_database_is_in_the_users_data_folder(file: Path, tmp_path: Path) -> None:
    clean = {key: value for key, value in os.environ.items() if key != "HIGHWAY_LEDGER_URL"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "environ", {**clean, "XDG_DATA_HOME": str(tmp_path / "data")})
        with serving(file) as (_, port):
            sent = predict(port)["id"]
            eventually(lambda: fetch(port, "/ledger")["written"] == 1)
            assert fetch(port, f"/requests/{sent}")["rows"][0]["label"] == "a"
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/requests.parquet") as table:
                assert pq.read_table(io.BytesIO(table.read())).column("id").to_pylist() == [sent]
    assert (tmp_path / "data" / "highway-networks" / "ledger.db").is_file()


def test_a_clean_stop_loses_nothing(file: Path, tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with serving(file, HIGHWAY_LEDGER_URL=f"sqlite:///{path}") as (process, port):
        ids = {predict(port)["id"] for _ in range(5)}
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
    assert {identifier for identifier, _ in rows(path)} == ids


def test_a_killed_server_loses_at_most_the_last_second(file: Path, tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with serving(file, HIGHWAY_LEDGER_URL=f"sqlite:///{path}") as (process, port):
        predict(port)
        eventually(lambda: fetch(port, "/ledger")["state"] == "writing")
        sent = predict(port)["id"]
        time.sleep(1)
        process.kill()
        process.wait()
    assert sent in {identifier for identifier, _ in rows(path)}


def test_workers_share_a_database_and_their_counts(file: Path, postgresql_url: str) -> None:
    settings = {"HIGHWAY_LEDGER_URL": postgresql_url}
    with serving(file, "--workers", "2", **settings) as (process, port):
        workers_of(process)
        ids = {predict(port)["id"] for _ in range(20)}
        eventually(lambda: fetch(port, "/ledger")["written"] == 20)
        metrics = fetch(port, "/metrics")
        assert re.search(r'highway_ledger_rows_total{outcome="written"} 20.0', metrics)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
    with psycopg.connect(postgresql_url) as connection:
        stored = connection.execute("SELECT id FROM ledger_requests").fetchall()
    assert {identifier for (identifier,) in stored} == ids
    assert len(stored) == 20


UNAVAILABLE: dict[str, Callable[[Path], str]] = {
    "no server": lambda _: "postgresql://user:secret@127.0.0.1:1/base",
    "no folder": lambda folder: f"sqlite:///{folder}/no/ledger.db",
}


@pytest.mark.parametrize("url", UNAVAILABLE.values(), ids=UNAVAILABLE.keys())
def test_predictions_do_not_need_the_database(
    file: Path, tmp_path: Path, url: Callable[[Path], str]
) -> None:
    with serving(file, HIGHWAY_LEDGER_URL=url(tmp_path)) as (process, port):
        assert predict(port)["predictions"][0]["label"] == "a"
        eventually(lambda: fetch(port, "/ledger")["state"] == "unavailable")
        status = fetch(port, "/ledger")
        assert (status["written"], status["waiting"]) == (0, 1)
        assert "secret" not in str(status)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0


def test_the_server_starts_without_the_libraries_of_the_ledgers_thread() -> None:
    script = (
        "import sys\n"
        "import service.app, service.server.start\n"
        "late = {'sqlalchemy', 'alembic', 'psycopg', 'sqlite3', 'arro3', 'platformdirs'}\n"
        "assert not late & set(sys.modules), late & set(sys.modules)\n"
    )
    # Measuring coverage in a subprocess would import sqlite3.
    env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=env, check=True)
