"""hadolint accepts every Dockerfile."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

DOCKERFILES = sorted(
    path
    for pattern in ("Dockerfile*", "deploy/**/Dockerfile*", "deploy/**/*.Dockerfile")
    for path in ROOT.glob(pattern)
)


def hadolint(path: Path) -> subprocess.CompletedProcess[str]:
    program = str(Path(sys.executable).parent / "hadolint")
    words = [program, "--no-color", "--failure-threshold", "style", str(path)]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_hadolint_has_no_finding(path: Path) -> None:
    done = hadolint(path)
    assert (done.stdout, done.returncode) == ("", 0)


@pytest.mark.parametrize(
    ("line", "finding"),
    [
        ("FROM python:latest", "DL3007"),
        ("WORKDIR app", "DL3000"),
        ("USER root", "DL3002"),
        ("CMD python -m service serve", "DL3025"),
        ("RUN apt-get install curl", "DL3008"),
        ("EXPOSE 80000", "DL3011"),
    ],
)
@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_hadolint_finds_a_planted_error(
    tmp_path: Path, path: Path, line: str, finding: str
) -> None:
    planted = tmp_path / "Dockerfile"
    planted.write_text(f"{path.read_text()}\n{line}\n")
    done = hadolint(planted)
    assert done.returncode == 1
    assert finding in done.stdout
