"""A cluster of this machine; test_ray_backend.py and tests/deploy run work on one."""

import tempfile
from pathlib import Path

import pytest

from scoring.errors import ScoringError
from scoring.ray_cluster import local_cluster


def test_a_cluster_that_cannot_start_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray", reason="install the extra `ray`: pip install 'ray[data,serve]'")
    folder = tmp_path / ("x" * 100)  # a Unix socket in it would have too long a name
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    with (
        pytest.raises(
            ScoringError,
            match=r"--ray local: Ray has not started on this machine \(.* path length .*\); run",
        ),
        local_cluster(1),
    ):
        pass
    assert list(folder.iterdir()) == []
