"""Whether artifacts run on the oldest and the newest onnxruntime that the project claims.

    python -m benchmarks.compatibility [FILE …] [--onnxruntime VERSION …]

makes an environment for each release under build/compatibility, with what `service.classifier`
needs and no more, and runs in it `python -m service check` on the bundled file and on every FILE.
It prints how far each release is, at most, from the recorded answers and, on fixed rows, from the
newest. Exit code 1: a file was refused, or a difference is above what the classifier tolerates.
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

from service.classifier import GOLDEN, Answer, Classifier, FloatArray
from service.contract import INPUT, OUTPUTS

ROOT = Path(__file__).parent.parent
ENVIRONMENTS = ROOT / "build" / "compatibility"
BUNDLED = ROOT / "service" / "bundled" / "digits.onnx"
# What `python -m service check` imports beside onnxruntime, where the lock holds it.
NEEDED = ("cryptography", "numpy", "pydantic-settings", "typer")

BATCH_SIZES = (1, 2, 7, 32)
Answers = Mapping[str, FloatArray]  # each under "output/of which rows"


def pins() -> dict[str, str]:
    """Return the release of every package that the serving lock holds."""
    lock = (ROOT / "requirements" / "serve.txt").read_text()
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", lock, flags=re.MULTILINE))


def oldest() -> str:
    """Return the oldest onnxruntime that pyproject.toml admits and pip can install here."""

    def numbers(version: str) -> list[int]:
        return [int(part) for part in version.split(".")]

    (floor,) = re.findall(r'"onnxruntime>=([0-9.]+)"', (ROOT / "pyproject.toml").read_text())
    command = [sys.executable, "-m", "pip", "index", "versions", "onnxruntime"]
    listing = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    (offered,) = re.findall(r"Available versions: (.*)", listing)
    admitted = [each for each in offered.split(", ") if numbers(each) >= numbers(floor)]
    version: str = min(admitted, key=numbers)
    if version != floor:
        print(f"pip finds no onnxruntime {floor}; {version} is the oldest from there on")
    return version


def environment(version: str) -> Path:
    """Make the environment with that onnxruntime, unless it is there; return its Python."""
    path = ENVIRONMENTS / version
    python, stamp = path / "bin" / "python", path / "installed.txt"
    chosen = pins() | {"onnxruntime": version}
    wanted = [f"{name}=={chosen[name]}" for name in (*NEEDED, "onnxruntime") if name in chosen]
    if not stamp.is_file() or stamp.read_text().split() != wanted:
        venv.create(path, clear=True, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-qq", *wanted], check=True)
        stamp.write_text("\n".join(wanted))
    return python


def fixed_answers(classifier: Classifier) -> Answers:
    """Answer zeros, ones and random rows; gates untouched, closed, and scaled row by row."""
    features, layers = classifier.metadata.input, len(classifier.metadata.layers)
    random = np.random.default_rng(0)
    found: dict[str, FloatArray] = {}
    for size in BATCH_SIZES:
        shape = (size, features.size)
        drawn = random.uniform(features.low or 0, features.high or 1, shape)
        rows = {"zeros": np.zeros(shape), "ones": np.ones(shape), "random": drawn}
        scales = {"closed": np.zeros((1, layers)), "scaled": random.uniform(0, 2, (size, layers))}
        for kind, gates in itertools.product(rows, ("untouched", *scales)):
            scale = scales[gates].astype(np.float32) if gates in scales else None
            answer = classifier.run(rows[kind].astype(np.float32), scale)
            found |= named(answer, f"{size} rows of {kind}, gates {gates}")
    return found


def named(answer: Answer, rows: str) -> Answers:
    """Return the four outputs under their names."""
    return {f"{output}/{rows}": getattr(answer, output) for output in OUTPUTS}


def recorded_answers(classifier: Classifier) -> tuple[Answers, Answers]:
    """Return what was answered when the file was verified, and what is answered here."""
    golden = {
        name: np.asarray(values, np.float32)
        for name, values in classifier.metadata.verification["golden"].items()
    }
    here = named(classifier.run(golden.pop(INPUT)), "golden")
    return {f"{name}/golden": values for name, values in golden.items()}, here


def report(what: str, some: Answers, others: Answers) -> bool:
    """Print the largest difference of every output; say whether all are tolerable."""
    largest: dict[str, np.floating] = {}
    for key, values in some.items():
        output, difference = key.partition("/")[0], np.abs(values - others[key]).max()
        largest[output] = np.maximum(largest.get(output, 0), difference)  # NaN stays
    listed = ", ".join(f"{name} {value:.2g}" for name, value in largest.items())
    print(f"  from {what}: {listed}", flush=True)
    allowed = GOLDEN["float32"]
    strictest = min(allowed.values())  # for what golden rows do not record
    return all(float(value) <= allowed.get(name, strictest) for name, value in largest.items())


def compare(file: Path, versions: list[str]) -> bool:
    """Try the file on every release, the newest first; say whether all went well."""
    targets = {version: ENVIRONMENTS / version / "answers.npz" for version in versions}
    outcomes = []
    for version, target in targets.items():
        print(f"onnxruntime {version}:", flush=True)
        target.unlink(missing_ok=True)
        python = environment(version)
        commands = (("service", "check"), ("benchmarks.compatibility", "--answer", target))
        runs = (subprocess.run([python, "-m", *each, file], cwd=ROOT) for each in commands)
        outcomes.append(all(run.returncode == 0 for run in runs))  # stops where one fails
        newest = versions[0]
        if version != newest and target.is_file() and targets[newest].is_file():
            what = f"onnxruntime {newest}"
            outcomes.append(report(what, np.load(targets[newest]), np.load(target)))
    return all(outcomes)


def main() -> None:
    """Compare every file, the bundled one first."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="besides the bundled")
    parser.add_argument("--onnxruntime", action="append", help="instead of the oldest claimed")
    parser.add_argument("--answer", type=Path, help=argparse.SUPPRESS)  # within an environment
    arguments = parser.parse_args()
    if arguments.answer:
        classifier = Classifier.load(arguments.files[0])
        np.savez(arguments.answer, **fixed_answers(classifier))  # type: ignore[arg-type]
        raise SystemExit(not report("the recorded answers", *recorded_answers(classifier)))
    versions = [pins()["onnxruntime"], *(arguments.onnxruntime or [oldest()])]
    files = [BUNDLED, *(file.resolve() for file in arguments.files)]
    raise SystemExit(not all([compare(file, versions) for file in files]))


if __name__ == "__main__":
    main()
