"""Compare artifacts on the oldest and the newest onnxruntime that the project supports.

    python -m benchmarks.compatibility [FILE …] [--onnxruntime VERSION …]

creates an environment for each release in build/compatibility, with only the packages that
`service.classifier` needs. In each it runs `highway check` on the bundled file and on every FILE.
It prints the largest differences of each release from the recorded outputs and, on fixed rows, from
the newest release. The exit code is 1 if a file is rejected or a difference exceeds the
classifier's tolerance.
"""

import argparse
import itertools
import re
import subprocess
import sys
import venv
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from service.arrays import FloatArray
from service.classifier import GOLDEN, Classifier
from service.contract import INPUT, OUTPUTS

ROOT = Path(__file__).parent.parent
ENVIRONMENTS = ROOT / "build" / "compatibility"
BUNDLED = ROOT / "service" / "bundled" / "digits.onnx"
# Packages that `highway check` imports besides onnxruntime; those in the lock file are installed.
PACKAGES = ("cryptography", "numpy", "pydantic-settings", "typer")

BATCH_SIZES = (1, 2, 7, 32)
Outputs = Mapping[str, FloatArray]  # by "output/description of the rows"


def pinned_versions() -> dict[str, str]:
    """Return the versions of the packages in the serving lock file."""
    lock = (ROOT / "requirements" / "serve.txt").read_text()
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", lock, flags=re.MULTILINE))


def oldest_version() -> str:
    """Return the oldest onnxruntime that pyproject.toml allows and pip can install here."""

    def numbers(version: str) -> list[int]:
        return [int(part) for part in version.split(".")]

    (floor,) = re.findall(r'"onnxruntime>=([0-9.]+)"', (ROOT / "pyproject.toml").read_text())
    command = [sys.executable, "-m", "pip", "index", "versions", "onnxruntime"]
    listing = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    (available,) = re.findall(r"Available versions: (.*)", listing)
    allowed = [version for version in available.split(", ") if numbers(version) >= numbers(floor)]
    oldest: str = min(allowed, key=numbers)
    if numbers(oldest)[:2] != numbers(floor)[:2]:
        print(f"onnxruntime {floor} is not available here; the oldest allowed one is {oldest}")
    return oldest


def environment(version: str) -> Path:
    """Create the environment for an onnxruntime version if needed; return its Python."""
    path = ENVIRONMENTS / version
    python, stamp = path / "bin" / "python", path / "installed.txt"
    versions = pinned_versions() | {"onnxruntime": version}
    packages = [
        f"{name}=={versions[name]}" for name in (*PACKAGES, "onnxruntime") if name in versions
    ]
    if not stamp.is_file() or stamp.read_text().split() != packages:
        venv.create(path, clear=True, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-qq", *packages], check=True)
        stamp.write_text("\n".join(packages))
    return python


def fixed_outputs(classifier: Classifier) -> Outputs:
    """Compute zeros, ones and random rows, with plain, closed and scaled gates."""
    row, layers = classifier.metadata.input, len(classifier.metadata.layers)
    random = np.random.default_rng(0)
    outputs: dict[str, FloatArray] = {}
    for size in BATCH_SIZES:
        shape = (size, row.size)
        uniform = random.uniform(row.low or 0, row.high or 1, shape)
        rows = {"zeros": np.zeros(shape), "ones": np.ones(shape), "random": uniform}
        scales = {"closed": np.zeros((1, layers)), "scaled": random.uniform(0, 2, (size, layers))}
        for kind, gates in itertools.product(rows, ("plain", *scales)):
            scale = scales[gates].astype(np.float32) if gates in scales else None
            description = f"{size} rows of {kind}, gates {gates}"
            outputs |= computed(classifier, rows[kind].astype(np.float32), description, scale)
    return outputs


def computed(
    classifier: Classifier, rows: FloatArray, description: str, scale: FloatArray | None = None
) -> Outputs:
    """Return all outputs by "output/description"."""
    values = classifier.compute(OUTPUTS, rows, scale)
    return {f"{name}/{description}": value for name, value in zip(OUTPUTS, values, strict=True)}


def golden_outputs(classifier: Classifier) -> tuple[Outputs, Outputs]:
    """Return the recorded outputs of the golden rows, and those computed here."""
    golden = {
        name: np.asarray(values, np.float32)
        for name, values in classifier.metadata.verification["golden"].items()
    }
    here = computed(classifier, golden.pop(INPUT), "golden")
    return {f"{name}/golden": values for name, values in golden.items()}, here


def within_tolerance(reference: str, expected: Outputs, actual: Outputs) -> bool:
    """Print the largest difference of every output, and return whether all are tolerated."""
    largest: dict[str, np.floating] = {}
    for key, values in expected.items():
        output, difference = key.partition("/")[0], np.abs(values - actual[key]).max()
        largest[output] = np.maximum(largest.get(output, 0), difference)  # keeps NaN
    listed = ", ".join(f"{name} {value:.2g}" for name, value in largest.items())
    print(f"  differences from {reference}: {listed}", flush=True)
    tolerance = GOLDEN["float32"]
    strictest = min(tolerance.values())  # for outputs that golden rows do not record
    return all(float(value) <= tolerance.get(name, strictest) for name, value in largest.items())


def compare(file: Path, versions: list[str]) -> bool:
    """Run the file on every release, the newest first; return whether all agree."""
    targets = {version: ENVIRONMENTS / version / "outputs.npz" for version in versions}
    newest, passed = versions[0], []
    for version, target in targets.items():
        print(f"onnxruntime {version}:", flush=True)
        target.unlink(missing_ok=True)
        python = environment(version)
        commands = (("service", "check"), ("benchmarks.compatibility", "--compute", target))
        runs = (subprocess.run([python, "-m", *command, file], cwd=ROOT) for command in commands)
        passed.append(all(run.returncode == 0 for run in runs))  # stops at the first failure
        if version != newest and target.is_file() and targets[newest].is_file():
            expected, actual = np.load(targets[newest]), np.load(target)
            passed.append(within_tolerance(f"onnxruntime {newest}", expected, actual))
    return all(passed)


def main() -> None:
    """Compare every file, the bundled one first."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "files", nargs="*", type=Path, metavar="FILE", help="artifacts besides the bundled one"
    )
    parser.add_argument(
        "--onnxruntime",
        action="append",
        help="version to compare, instead of the oldest supported one",
    )
    parser.add_argument("--compute", type=Path, help=argparse.SUPPRESS)  # in an environment
    arguments = parser.parse_args()
    if arguments.compute:
        classifier = Classifier.load(arguments.files[0])
        np.savez(arguments.compute, **fixed_outputs(classifier))  # type: ignore[arg-type]
        raise SystemExit(not within_tolerance("the recorded outputs", *golden_outputs(classifier)))
    versions = [pinned_versions()["onnxruntime"], *(arguments.onnxruntime or [oldest_version()])]
    files = [BUNDLED, *(file.resolve() for file in arguments.files)]
    raise SystemExit(not all([compare(file, versions) for file in files]))


if __name__ == "__main__":
    main()
