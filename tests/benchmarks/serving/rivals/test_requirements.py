"""Rivals are installed with the versions that this project uses."""

import re

import pytest

from tests.conftest import ROOT

REQUIREMENTS = ROOT / "requirements"


def versions(name: str) -> dict[str, str]:
    text = (REQUIREMENTS / name).read_text()
    return dict(re.findall(r"^([\w-]+)==(\S+)", text, re.MULTILINE))


@pytest.mark.parametrize("name", [file.name for file in (REQUIREMENTS / "rivals").glob("*.txt")])
def test_packages_that_the_project_uses_too_have_its_version(name: str) -> None:
    ours, theirs = versions("all.txt"), versions(f"rivals/{name}")
    shared = ours.keys() & theirs.keys()
    assert "onnxruntime" in shared
    assert {package: theirs[package] for package in shared} == {
        package: ours[package] for package in shared
    }
