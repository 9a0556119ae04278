"""Installs each distribution in a clean environment and uses it: `python -m tests.packages`.

It takes minutes and gigabytes, so pytest does not collect it; `make packages` and CI run it.
"""

import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
BUNDLED = ROOT / "service" / "bundled" / "digits.onnx"
MAX_CLIENT_PACKAGES = 12

# What to install, which commands must work, and which modules must be absent.
CASES: tuple[tuple[tuple[str, ...], tuple[tuple[str, ...], ...], tuple[str, ...]], ...] = (
    (("./client",), (("python", "-c", "import highway_client"),), ("service", "onnxruntime")),
    (
        (".",),
        (("highway", "--help"), ("highway", "check", str(BUNDLED)), ("highway", "serve", "--help")),
        ("torch", "onnx", "lightning", "highway_client"),
    ),
    (
        (".[train]", "./client"),
        (
            ("highway", "train", "digits", "--epochs", "1", "--out", "run"),
            ("highway", "evaluate", "run"),
            ("highway", "export", "run", "model.onnx"),
            ("highway", "show", "model.onnx"),
            ("highway", "check", "model.onnx"),
            ("highway", "predict", "--help"),
        ),
        (),
    ),
)


def run(words: Sequence[str | Path], folder: Path) -> str:
    """Run a command in a folder and return its output; a failure ends the script."""
    done = subprocess.run(
        list(map(str, words)), cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        command = " ".join(map(str, words))
        raise SystemExit(f"{command}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def check(
    distributions: Sequence[str],
    commands: Sequence[Sequence[str]],
    absent: Sequence[str],
    folder: Path,
) -> None:
    """Install distributions in a new environment, run commands, and look for absent modules."""
    venv.create(folder / "venv", with_pip=True)
    programs = folder / "venv" / "bin"
    run([programs / "pip", "install", "--quiet", *distributions], ROOT)
    packages = run([programs / "pip", "list", "--format=freeze"], folder).splitlines()
    installed = [package for package in packages if not package.startswith(("pip=", "setuptools="))]
    sys.stdout.write(f"pip install {' '.join(distributions)}: {len(installed)} packages\n")
    if distributions == ("./client",) and len(installed) > MAX_CLIENT_PACKAGES:
        raise SystemExit(f"client: expected at most {MAX_CLIENT_PACKAGES} packages")
    for program, *arguments in commands:
        run([programs / program, *arguments], folder)
    for module in absent:
        script = (
            f"import importlib.util as u; raise SystemExit(u.find_spec({module!r}) is not None)"
        )
        run([programs / "python", "-c", script], folder)


def main() -> None:
    """Check every case."""
    for distributions, commands, absent in CASES:
        with tempfile.TemporaryDirectory() as folder:
            check(distributions, commands, absent, Path(folder))


if __name__ == "__main__":
    main()
