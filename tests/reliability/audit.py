"""Known vulnerabilities, risky code, and the bill of materials.

    python -m tests.reliability.audit

bandit reads the four packages with the configuration in pyproject.toml. pip-audit compares the lock
files with the advisories of PyPI. The CycloneDX bill of materials of the serving lock is written to
build/sbom.json; the same lock gives the same bytes.

Exit code 1: a finding. Exit code 3: no finding, but the advisories of some packages could not be
read, for want of a network or because the index does not have them.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.reliability.processes import ROOT

PACKAGES = ("service", "export", "models", "client")
# The second has what the client needs, beside everything else; the third writes the bill of
# materials of the image.
LOCKS = ("requirements/serve.txt", "requirements/all.txt", "deploy/image/bill.txt")
SERVING_LOCK = ROOT / LOCKS[0]
BILL = ROOT / "build" / "sbom.json"
FOUND, NOT_AUDITED = 1, 3


@dataclass(frozen=True)
class Advisories:
    """What pip-audit says of one lock file: vulnerabilities, and packages that it cannot judge."""

    packages: int
    vulnerable: tuple[str, ...]
    not_audited: tuple[str, ...]


def read_advisories(report: Mapping[str, Any]) -> Advisories:
    """Read pip-audit's JSON, in which a package that it skipped looks like one without findings."""
    packages = report["dependencies"]
    return Advisories(
        packages=len(packages),
        vulnerable=tuple(
            f"{one['name']} {one['version']}: {found['id']}"
            for one in packages
            for found in one.get("vulns", ())
        ),
        not_audited=tuple(one["name"] for one in packages if "skip_reason" in one),
    )


def check_code(paths: Sequence[str | Path]) -> subprocess.CompletedProcess[str]:
    """Run bandit with the project's configuration; exit code 1 means findings."""
    return _run("bandit", "--quiet", "--recursive", "--configfile", "pyproject.toml", *paths)


def check_lock(lock: str) -> Advisories | None:
    """Run pip-audit on a lock file; None if the advisories cannot be reached."""
    done = _run(
        *("pip-audit", "--requirement", lock, "--no-deps", "--disable-pip"),
        *("--progress-spinner", "off", "--format", "json"),
    )
    try:
        return read_advisories(json.loads(done.stdout))
    except json.JSONDecodeError:
        sys.stderr.write(done.stderr)
        return None


def write_bill(lock: Path, path: Path) -> None:
    """Write the CycloneDX bill of materials of a lock file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    words = ("requirements", lock, "--output-reproducible", "--no-validate", "-o", path)
    _run("cyclonedx-py", *words).check_returncode()


def _run(program: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name(program), *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def _audit_lock(lock: str) -> int:
    advisories = check_lock(lock)
    if advisories is None:
        sys.stdout.write(f"{lock}: not audited, the advisories cannot be reached\n")
        return NOT_AUDITED
    audited = advisories.packages - len(advisories.not_audited)
    sys.stdout.write(f"{lock}: {audited} of {advisories.packages} packages audited\n")
    for one in advisories.vulnerable:
        sys.stdout.write(f"  {one}\n")
    if advisories.vulnerable:
        return FOUND
    return NOT_AUDITED if advisories.not_audited else 0


def main() -> None:
    """Run all three; a finding counts more than advisories that cannot be read."""
    code = check_code(PACKAGES)
    sys.stdout.write(code.stdout or "bandit: no findings\n")
    codes = [bool(code.returncode), *map(_audit_lock, LOCKS)]
    write_bill(SERVING_LOCK, BILL)
    sys.stdout.write(f"bill of materials: {BILL.relative_to(ROOT)}\n")
    raise SystemExit(FOUND if FOUND in codes else max(codes))


if __name__ == "__main__":
    main()
