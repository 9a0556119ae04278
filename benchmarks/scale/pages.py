"""Renews docs/scale.md, docs/measurements/scale.md and the pictures."""

import json

from benchmarks.scale import ledger_growth, service_times, tables, validation
from benchmarks.scale.pictures import draw
from benchmarks.scale.results import simulate_all
from benchmarks.serving.page import filled, table
from benchmarks.serving.servers import ROOT

FOLDER = ROOT / "docs" / "scale"
CALIBRATION = FOLDER / "calibration.json"
VALIDATION = FOLDER / "validation.json"
LEDGER = FOLDER / "ledger.json"
PAGE = ROOT / "docs" / "scale.md"
MEASUREMENTS = ROOT / "docs" / "measurements" / "scale.md"


def renew() -> None:
    """Simulate, and write the tables and pictures."""
    times = service_times.read(CALIBRATION)
    row_bytes = ledger_growth.read(LEDGER)
    results = simulate_all(times)
    runs = validation.read(VALIDATION)
    parts = {
        "assumptions": tables.assumptions(results),
        "replicas": tables.replicas(results),
        "headroom": tables.headroom(results),
        "day": tables.day(results),
        "bursts": tables.bursts(results.bursts),
        "targets": tables.targets(results.targets),
        "retries": tables.retries(results.retries),
        "ledger": tables.ledger(row_bytes),
        "cost": tables.cost(results),
        "agreement": tables.agreement(runs),
    }
    PAGE.write_text(filled(PAGE.read_text(), parts))
    machine = json.loads(VALIDATION.read_text())["machine"]
    measured = {
        "calibration": tables.calibration(times, results.capacities),
        "validation": tables.validation(runs),
        "ledger rows": table([{"database": k, "bytes a row": v} for k, v in row_bytes.items()]),
        "machine": table([{"what": key, "found": value} for key, value in machine.items()]),
    }
    MEASUREMENTS.write_text(filled(MEASUREMENTS.read_text(), measured))
    draw(FOLDER, results, runs)
