import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.processors import batch_threads, usable_processors


@pytest.fixture
def two_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processors, on a system without affinity."""
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 2)


@pytest.fixture
def one_processor() -> Iterator[None]:
    """Bind this thread to one processor."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    yield
    os.sched_setaffinity(0, before)


def version_1(root: Path, quota: str, period: str) -> None:
    (root / "cpu").mkdir()
    (root / "cpu/cpu.cfs_quota_us").write_text(quota)
    (root / "cpu/cpu.cfs_period_us").write_text(period)


@pytest.mark.usefixtures("one_processor")
def test_the_affinity_of_the_process_limits(tmp_path: Path) -> None:
    assert usable_processors(tmp_path) == 1


@pytest.mark.usefixtures("two_processors")
def test_without_affinity_and_quota_all_processors_are_usable(tmp_path: Path) -> None:
    assert usable_processors(tmp_path) == 2


def test_an_unknown_number_of_processors_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_processors(tmp_path) == 1


@pytest.mark.usefixtures("two_processors")
@pytest.mark.parametrize(
    ("text", "processors"),
    [
        ("150000 100000\n", 1.5),
        ("25000 100000\n", 0.25),  # below one
        ("800000 100000\n", 2),  # no more than there are
        ("max 100000\n", 2),  # no limit
        ("", 2),
        ("0 100000\n", 2),
    ],
)
def test_a_quota_of_cgroup_version_2_limits(tmp_path: Path, text: str, processors: float) -> None:
    (tmp_path / "cpu.max").write_text(text)
    assert usable_processors(tmp_path) == processors


@pytest.mark.usefixtures("two_processors")
@pytest.mark.parametrize(
    ("quota", "processors"),
    [("150000\n", 1.5), ("50000\n", 0.5), ("800000\n", 2), ("-1\n", 2)],
)
def test_a_quota_of_cgroup_version_1_limits(tmp_path: Path, quota: str, processors: float) -> None:
    version_1(tmp_path, quota, "100000\n")
    assert usable_processors(tmp_path) == processors


@pytest.mark.usefixtures("two_processors")
def test_a_quota_without_its_period_is_ignored(tmp_path: Path) -> None:
    version_1(tmp_path, "50000\n", "100000\n")
    (tmp_path / "cpu/cpu.cfs_period_us").unlink()
    assert usable_processors(tmp_path) == 2


@pytest.mark.usefixtures("two_processors")
def test_the_smaller_of_two_quotas_limits(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("150000 100000\n")
    version_1(tmp_path, "50000\n", "100000\n")
    assert usable_processors(tmp_path) == 0.5


def test_this_machine_has_usable_processors() -> None:
    assert 0 < usable_processors() <= (os.cpu_count() or 1)


@pytest.mark.parametrize(
    ("processors", "workers", "threads"),
    [(8, 1, 8), (8, 2, 4), (7.9, 2, 3), (2, 1, 2), (1, 1, 1), (0.25, 1, 1), (4, 16, 1)],
)
def test_each_process_computes_long_batches_with_its_share_of_the_processors(
    processors: float, workers: int, threads: int
) -> None:
    assert batch_threads(processors, workers) == threads
