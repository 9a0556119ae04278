"""A table scored by one process and by two workers of Ray: the same bytes, and the time of both.

    python -m benchmarks.ray_score [--rows 1000000] [--write]

Writes a Parquet table of random people, scores it by `highway score` with and without `--ray
local --ray-workers 2`, and compares the outputs, as they are and sorted by id. `--write` puts the
figures into docs/measurements/ray.md. Needs the extras `score` and `ray`.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from benchmarks.serving.page import filled, table
from benchmarks.serving.servers import ROOT
from tests.service.conftest import TABLE, Recipe, take_missing_values

PAGE = ROOT / "docs" / "measurements" / "ray.md"
KINDS = {
    "one process, 2 threads": ("--threads", "2"),
    "Ray, 2 workers": ("--ray", "local", "--ray-workers", "2"),
}


def people(rows: int) -> pa.Table:
    """Draw a table for the tests' model of tables, with a shuffled id."""
    random = np.random.default_rng(0)
    return pa.table(
        {
            "id": random.permutation(rows),
            "age": random.integers(18, 90, rows),
            "job": np.array(["nurse", "teacher", "pilot"])[random.integers(0, 3, rows)],
            "member": random.random(rows) < 0.5,
            "income": random.normal(0, 3, rows).round(2),
        }
    )


def score(folder: Path, number: int, options: tuple[str, ...]) -> tuple[Path, float]:
    """Run the command; return its output and its seconds, those of starting Ray included."""
    out = folder / f"{number}.parquet"
    words = ["score", "people.parquet", "--model", "people.onnx", "--out", str(out), "--id", "id"]
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "scoring", *words, *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "client")])},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return out, time.monotonic() - began


def main() -> None:
    """Score, compare and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ray_score",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    options = parser.parse_args()
    figures = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = Recipe(metadata=TABLE, change=take_missing_values)
        (folder / "people.onnx").write_bytes(model.build())
        parquet.write_table(people(options.rows), folder / "people.parquet")
        outputs = []
        for number, (kind, words) in enumerate(KINDS.items()):
            out, seconds = score(folder, number, words)
            outputs.append(out)
            figures.append(
                {
                    "run": kind,
                    "rows": f"{options.rows:,}",
                    "seconds": f"{seconds:.1f}",
                    "output": "–" if number == 0 else compared(*outputs),
                }
            )
            print(figures[-1], flush=True)
    if options.write:
        PAGE.write_text(filled(PAGE.read_text(), {"score": table(figures)}))


def compared(one: Path, other: Path) -> str:
    """Say how two outputs differ; the bytes of both sorted by id are written anew."""
    if one.read_bytes() == other.read_bytes():
        return "the same bytes, unsorted"
    for path in (one, other):
        parquet.write_table(parquet.read_table(path).sort_by("id"), path)
    same = one.read_bytes() == other.read_bytes()
    return "the same bytes after sorting by id" if same else "OTHER BYTES"


if __name__ == "__main__":
    main()
