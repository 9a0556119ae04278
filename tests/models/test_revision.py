import subprocess
from pathlib import Path

from models.revision import source_revision


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def repository(folder: Path) -> Path:
    git(folder, "init", "--quiet")
    (folder / "file").write_text("1")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "one")
    return folder


def test_a_clean_checkout_is_its_commit(tmp_path: Path) -> None:
    folder = repository(tmp_path)
    assert source_revision(folder) == git(folder, "rev-parse", "HEAD")


def test_a_changed_checkout_says_so(tmp_path: Path) -> None:
    folder = repository(tmp_path)
    (folder / "file").write_text("2")
    assert source_revision(folder) == git(folder, "rev-parse", "HEAD") + "+changes"


def test_an_installed_package_has_no_revision(tmp_path: Path) -> None:
    assert source_revision(tmp_path) == "unknown"
