"""Which rivals are found in a folder. Those that are installed here compute what we compute."""

import json
from pathlib import Path

import pytest

from benchmarks.serving.answers import check
from benchmarks.serving.bodies import random_rows
from benchmarks.serving.contenders import contenders
from benchmarks.serving.networks import Network
from benchmarks.serving.rivals.installed import (
    FASTAPI,
    MOSEC,
    NODE,
    SKETCH,
    installed,
    missing,
    versions,
)
from benchmarks.serving.servers import running
from service.settings import BUNDLED_MODEL
from tests.conftest import ROOT

FOLDER = ROOT / "build" / "rivals"
NETWORK = Network(title="convolutional", file=BUNDLED_MODEL, name="digits", size=784)


def make_node(folder: Path) -> None:
    for package, version in (("fastify", "5.0.0"), ("onnxruntime-node", "1.0.0")):
        path = folder / "node" / "node_modules" / package / "package.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"version": version}))


def make_mosec(folder: Path) -> None:
    (folder / "mosec" / "bin").mkdir(parents=True)
    (folder / "mosec" / "bin" / "mosec").touch()
    information = folder / "mosec" / "lib" / "python3.11" / "site-packages" / "mosec-0.9.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: mosec\nVersion: 0.9\n")


def test_a_rival_without_an_environment_is_left_out_with_a_sentence(tmp_path: Path) -> None:
    assert missing(MOSEC, tmp_path) == "mosec is left out: it is not installed; run `make rivals`."
    assert list(installed(tmp_path)) == [SKETCH, FASTAPI]
    assert versions(tmp_path) == {}


def test_node_is_left_out_without_its_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_node(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert missing(NODE, tmp_path) == (
        "Fastify + onnxruntime-node is left out: there is no command `node`."
    )


def test_an_installed_rival_has_a_command_and_a_version(tmp_path: Path) -> None:
    make_mosec(tmp_path)
    assert list(installed(tmp_path)) == [SKETCH, MOSEC, FASTAPI]
    command = installed(tmp_path)[MOSEC](Path("m.onnx"), 8001)
    assert command[:3] == ["env", "MODEL=m.onnx", str(tmp_path / "mosec" / "bin" / "python")]
    assert command[-4:] == ["--address", "127.0.0.1", "--port", "8001"]
    assert versions(tmp_path) == {"mosec": "0.9"}


def test_the_node_program_is_copied_beside_its_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_node(tmp_path)
    node = tmp_path / "bin" / "node"
    node.parent.mkdir()
    node.write_text("#!/bin/sh\necho v20.0.0\n")
    node.chmod(0o755)
    monkeypatch.setenv("PATH", str(node.parent))
    command = installed(tmp_path)[NODE](Path("m.onnx"), 8001)
    program = tmp_path / "node" / "node_service.mjs"
    assert command == ["node", str(program), "m.onnx", "8001"]
    assert program.is_file()
    found = versions(tmp_path)
    assert (found["fastify"], found["onnxruntime-node"]) == ("5.0.0", "1.0.0")


@pytest.mark.parametrize("name", installed(FOLDER))
def test_an_installed_rival_agrees_with_the_classifier(name: str) -> None:
    endpoints = [each for each in contenders("digits").values() if each.server == name]
    first = endpoints[0].body(random_rows(1, 784))
    with running(installed(FOLDER)[name], BUNDLED_MODEL, first) as server:
        for contender in endpoints:
            check(contender, server, NETWORK)
