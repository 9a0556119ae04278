"""Kubernetes objects of `deploy/` as kubectl and helm render them, and the settings in them."""

import platform
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

import pytest
import yaml

from service.settings import PREFIX, Settings, read_settings
from tests.conftest import ROOT

Manifest = dict[str, Any]

DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
CHART = DEPLOY / "helm" / "highway-networks"
KSERVE = DEPLOY / "kserve"
PROGRAMS = ROOT / "build" / "kubectl"
MODEL = ROOT / "service" / "bundled" / "digits.onnx"
OVERLAYS = ("base", "overlays/configmap", "overlays/production")
# Versions of Kubernetes; preStop.sleep came with 1.30.
OLDEST, NEWEST = "1.30", "1.37"
# What the secrets hold in place of the values that only a cluster has.
SECRETS: Mapping[str, str] = MappingProxyType(
    {"highway-ledger": "postgresql://highway:secret@postgresql/highway"}
)


class StrictLoader(yaml.CSafeLoader):  # type: ignore[misc]
    """YAML in which a key cannot be given twice, as the API server reads it."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(
                    problem=f"the key {key!r} is given twice", problem_mark=node.start_mark
                )
        found: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return found


def program(name: str) -> Path:
    """Return the path of kubectl or helm; skip the test where it is missing."""
    path = PROGRAMS / name / name
    if not path.is_file():
        pytest.skip(f"{name} is not installed; install it with `make kubectl`")
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        pytest.skip(f"{name} of `make kubectl` runs on Linux on x86-64 only")
    return path


def run(name: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run kubectl or helm to its end."""
    return subprocess.run(
        [program(name), *words], capture_output=True, text=True, check=False, timeout=60
    )


def documents(text: str) -> list[Manifest]:
    """Read the objects of a YAML stream."""
    return [each for each in yaml.load_all(text, Loader=StrictLoader) if each]


def objects(folder: Path) -> Iterator[Manifest]:
    """Yield the objects in the YAML files of a folder."""
    for path in sorted(folder.glob("*.yaml")):
        yield from documents(path.read_text())


def copy_with_model(folder: Path) -> Path:
    """Copy the kustomizations, with the model that a user copies into the overlay `configmap`."""
    copy = shutil.copytree(KUBERNETES, folder / "kubernetes")
    shutil.copy(MODEL, copy / "overlays" / "configmap" / "model.onnx")
    return copy


@cache
def _rendered(name: str) -> str:
    with TemporaryDirectory() as folder:
        done = run("kubectl", "kustomize", copy_with_model(Path(folder)) / name)
    assert done.returncode == 0, done.stderr
    return done.stdout


def kustomization(name: str) -> list[Manifest]:
    """Return the objects of one of `OVERLAYS`, for the caller to change."""
    return documents(_rendered(name))


def kustomize(folder: Path) -> list[Manifest]:
    """Render a kustomization."""
    done = run("kubectl", "kustomize", folder)
    assert done.returncode == 0, done.stderr
    return documents(done.stdout)


def template(*words: str | Path, chart: Path = CHART) -> list[Manifest]:
    """Render the chart with options of `helm template`."""
    done = run("helm", "template", "highway", chart, *words)
    assert done.returncode == 0, done.stderr
    return documents(done.stdout)


def of_kind(manifests: Iterable[Manifest], kind: str) -> Manifest:
    """Return the only object of a kind."""
    (found,) = (each for each in manifests if each["kind"] == kind)
    return found


def container_of(manifests: Iterable[Manifest]) -> Manifest:
    """Return the only container of the deployment's pods."""
    (container,) = pod_of(manifests)["containers"]
    found: Manifest = container
    return found


def pod_of(manifests: Iterable[Manifest]) -> Manifest:
    """Return the pod's specification in the deployment."""
    pod: Manifest = of_kind(manifests, "Deployment")["spec"]["template"]["spec"]
    return pod


def image_environment() -> dict[str, str]:
    """Return the settings in the image's `ENV` instructions."""
    lines = re.sub(r"#.*", "", (ROOT / "Dockerfile").read_text())
    return dict(re.findall(rf"({PREFIX}\w+)=(\S+)", lines))


def environment(container: Manifest, secrets: Mapping[str, str] = SECRETS) -> dict[str, str]:
    """Return the variables that a container gets, from the image, the manifest and secrets."""
    given = {}
    for variable in container.get("env", []):
        source = variable.get("valueFrom")
        assert source is None or "value" not in variable
        given[variable["name"]] = (
            secrets[source["secretKeyRef"]["name"]] if source else variable["value"]
        )
    return image_environment() | given


def settings_of(container: Manifest, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Read a container's variables as the server does at its start; raise `SettingsError`."""
    monkeypatch.delenv("HIGHWAY_LEDGER_URL")
    for name, value in environment(container).items():
        monkeypatch.setenv(name, value)
    return read_settings()
