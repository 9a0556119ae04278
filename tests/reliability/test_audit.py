import json
from pathlib import Path

from tests.reliability.audit import (
    SERVING_LOCK,
    Advisories,
    check_code,
    read_advisories,
    write_bill,
)


def test_bandit_finds_a_planted_shell(tmp_path: Path) -> None:
    path = tmp_path / "planted.py"
    path.write_text(
        "import subprocess\n\n\ndef run(text):\n    subprocess.call(text, shell=True)\n"
    )
    done = check_code([path])
    assert done.returncode == 1
    assert "B602" in done.stdout


def test_a_package_without_advisories_is_not_one_without_vulnerabilities() -> None:
    report = {
        "dependencies": [
            {"name": "a", "version": "1", "vulns": []},
            {"name": "b", "version": "2", "vulns": [{"id": "GHSA-1"}, {"id": "GHSA-2"}]},
            {"name": "c", "skip_reason": "Dependency not found on PyPI"},
        ]
    }
    assert read_advisories(report) == Advisories(3, ("b 2: GHSA-1", "b 2: GHSA-2"), ("c",))


def test_the_bill_of_materials_names_every_package_of_the_lock_and_is_reproducible(
    tmp_path: Path,
) -> None:
    for name in ("first.json", "second.json"):
        write_bill(SERVING_LOCK, tmp_path / name)
    first = (tmp_path / "first.json").read_bytes()
    assert (tmp_path / "second.json").read_bytes() == first
    components = {one["name"] for one in json.loads(first)["components"]}
    locked = {
        line.partition("==")[0] for line in SERVING_LOCK.read_text().splitlines() if "==" in line
    }
    assert {one.partition("[")[0] for one in locked} == components
