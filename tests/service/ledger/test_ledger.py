"""The whole ledger in a real server: stops, kills, workers, memory."""

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

from service.inference.counters import Board
from service.ledger.ledger import open_ledger
from service.settings import Settings
from tests.conftest import ROOT
from tests.service.test_server import ask, eventually, predict, serving, workers_of


def rows(path: Path) -> list[Any]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute("SELECT id, weight FROM ledger_requests").fetchall()
    finally:
        connection.close()


def test_a_ledger_that_is_off_is_none() -> None:
    assert open_ledger(Settings(ledger_url="off"), Board()) is None


def test_the_rate_is_shared_by_the_workers() -> None:
    ledger = open_ledger(Settings(ledger_url="sqlite:///x.db", ledger_rate=40, workers=4), Board())
    assert ledger is not None
    assert ledger.recorder._sample._size == 5  # 40 a second, in half a second, of 4 processes


def test_unless_told_records_go_to_the_users_data_folder(file: Path, tmp_path: Path) -> None:
    clean = {key: value for key, value in os.environ.items() if key != "HIGHWAY_LEDGER_URL"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "environ", {**clean, "XDG_DATA_HOME": str(tmp_path / "data")})
        with serving(file) as (_, port):
            asked = predict(port)["id"]
            eventually(lambda: ask(port, "/ledger")["written"] == 1)
            assert ask(port, f"/requests/{asked}")["rows"][0]["label"] == "a"
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/requests.parquet") as table:
                assert pq.read_table(io.BytesIO(table.read())).column("id").to_pylist() == [asked]
    assert (tmp_path / "data" / "highway-networks" / "ledger.db").is_file()


def test_a_clean_stop_loses_nothing(file: Path, tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with serving(file, HIGHWAY_LEDGER_URL=f"sqlite:///{path}") as (process, port):
        asked = {predict(port)["id"] for _ in range(5)}
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
    assert {identifier for identifier, _ in rows(path)} == asked


def test_a_killed_server_loses_the_last_second_at_most(file: Path, tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with serving(file, HIGHWAY_LEDGER_URL=f"sqlite:///{path}") as (process, port):
        predict(port)
        eventually(lambda: ask(port, "/ledger")["state"] == "writing")
        asked = predict(port)["id"]
        time.sleep(1)
        process.kill()
        process.wait()
    assert asked in {identifier for identifier, _ in rows(path)}


def test_workers_write_to_one_database_and_count_together(file: Path, postgresql_url: str) -> None:
    settings = {"HIGHWAY_LEDGER_URL": postgresql_url}
    with serving(file, "--workers", "2", **settings) as (process, port):
        workers_of(process)
        asked = {predict(port)["id"] for _ in range(20)}
        eventually(lambda: ask(port, "/ledger")["written"] == 20)
        metrics = ask(port, "/metrics")
        assert re.search(r'highway_ledger_rows_total{outcome="written"} 20.0', metrics)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
    with psycopg.connect(postgresql_url) as connection:
        found = connection.execute("SELECT id FROM ledger_requests").fetchall()
    assert {identifier for (identifier,) in found} == asked
    assert len(found) == 20


WRONG: list[tuple[str, Callable[[Path], str]]] = [
    ("a server that is not there", lambda _: "postgresql://nobody:secret@127.0.0.1:1/base"),
    ("a folder that is none", lambda folder: f"sqlite:///{folder}/no/ledger.db"),
]


@pytest.mark.parametrize(("url"), [url for _, url in WRONG], ids=[name for name, _ in WRONG])
def test_a_database_that_is_away_stops_nobody(
    file: Path, tmp_path: Path, url: Callable[[Path], str]
) -> None:
    with serving(file, HIGHWAY_LEDGER_URL=url(tmp_path)) as (process, port):
        assert predict(port)["predictions"][0]["label"] == "a"
        eventually(lambda: ask(port, "/ledger")["state"] == "away")
        told = ask(port, "/ledger")
        assert (told["written"], told["waiting"]) == (0, 1)
        assert "secret" not in str(told)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0


def test_a_server_starts_without_loading_what_only_the_ledgers_thread_needs() -> None:
    script = (
        "import sys\n"
        "import service.app, service.server\n"
        "late = {'sqlalchemy', 'alembic', 'psycopg', 'sqlite3', 'arro3', 'platformdirs'}\n"
        "assert not late & set(sys.modules), late & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)
