"""A tiny model of tables and one of images, tables and pictures, and runs of the command."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import csv, parquet

from tests.conftest import prepared_process
from tests.service.conftest import TABLE, Recipe, take_missing_values

ROWS = 1000
JOBS = ("nurse", "teacher", "pilot")

Score = Callable[..., subprocess.CompletedProcess[str]]


def people(rows: int = ROWS, seed: int = 0) -> pa.Table:
    """A table for the tiny model, with the further column "name", and missing values."""
    random = np.random.default_rng(seed)
    income = random.normal(0, 3, rows).round(2)
    return pa.table(
        {
            "name": [f"person {number}, of {rows}" for number in range(rows)],
            "age": random.integers(18, 90, rows) / 16,
            "job": np.array(JOBS)[random.integers(0, 3, rows)],
            "member": random.random(rows) < 0.5,
            "income": pa.array(income, mask=random.random(rows) < 0.1),
        }
    )


@pytest.fixture(scope="session")
def table_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the tiny model of tables."""
    path = tmp_path_factory.mktemp("model") / "people.onnx"
    path.write_bytes(Recipe(metadata=TABLE, change=take_missing_values).build())
    return path


@pytest.fixture(scope="session")
def image_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the tiny model of images of 2 × 2 pixels from 0 to 1."""
    path = tmp_path_factory.mktemp("model") / "images.onnx"
    path.write_bytes(Recipe().build())
    return path


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """People in a CSV file."""
    path = tmp_path / "people.csv"
    csv.write_csv(people(), path)
    return path


@pytest.fixture
def typed(tmp_path: Path) -> Path:
    """People in a Parquet file of several row groups."""
    path = tmp_path / "people.parquet"
    parquet.write_table(people(), path, row_group_size=300)
    return path


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of 70 pictures, some of them in a subfolder."""
    folder = tmp_path / "pictures"
    (folder / "more").mkdir(parents=True)
    random = np.random.default_rng(0)
    for number in range(70):
        pixels = random.integers(0, 256, (2, 2), np.uint8)
        where = folder / "more" if number % 2 else folder
        Image.fromarray(pixels).save(where / f"{number:02}.png")
    return folder


@pytest.fixture
def score(tmp_path: Path, table_model: Path) -> Score:
    """Run `highway score` on rows, with the model of tables, into `tmp_path / "scores.parquet"`."""

    def run(
        data: Path, *options: str | Path, model: Path = table_model, out: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        out = out or tmp_path / "scores.parquet"
        words = ("score", data, "--model", model, "--out", out, *options)
        return prepared_process("scoring", *words)

    return run
