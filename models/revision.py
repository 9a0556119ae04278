"""Which source a result was made with."""

import subprocess
from pathlib import Path

UNKNOWN = "unknown"


def source_revision(folder: Path = Path(__file__).parent) -> str:
    """Return the commit that `folder` is checked out at, "+changes" when files differ from it.

    "unknown" where there is no git or no repository, as in an installed package.
    """
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return UNKNOWN
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return f"{commit}+changes" if changed else commit


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
