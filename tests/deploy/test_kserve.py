"""KServe's manifests are valid, and the runtime serves the folders that KServe mounts."""

import copy
import json
import shutil
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.deploy import kserve_schemas
from tests.deploy.manifests import (
    KSERVE,
    MODEL,
    Manifest,
    of_kind,
    pod_of,
    settings_of,
    template,
)
from tests.deploy.manifests import objects as objects_of
from tests.deploy.pods import running, write_volume
from tests.service.serving import fetch

Change = Callable[[Manifest], object]
MOUNT = "/mnt/models"
INFER = (ROOT / "examples" / "infer.json").read_bytes()


@pytest.fixture
def manifests() -> list[Manifest]:
    return list(objects_of(KSERVE))


@pytest.fixture
def container(manifests: list[Manifest]) -> Manifest:
    (found,) = of_kind(manifests, "ClusterServingRuntime")["spec"]["containers"]
    result: Manifest = found
    return result


def test_every_file_is_valid_by_the_schema_of_kserve(manifests: list[Manifest]) -> None:
    assert [each["kind"] for each in manifests] == ["ClusterServingRuntime", "InferenceService"]
    for manifest in manifests:
        assert kserve_schemas.errors(manifest) == []


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        (
            "ClusterServingRuntime",
            lambda each: each["spec"].update(protocolVersion=["v2"]),
            "spec: Additional properties are not allowed ('protocolVersion' was unexpected)",
        ),
        (
            "ClusterServingRuntime",
            lambda each: each["spec"].update(protocolVersions="v2"),
            "spec.protocolVersions: 'v2' is not of type 'array'",
        ),
        (
            "ClusterServingRuntime",
            lambda each: each["spec"]["supportedModelFormats"][0].update(autoSelect="yes"),
            "spec.supportedModelFormats.0.autoSelect: 'yes' is not of type 'boolean'",
        ),
        (
            "ClusterServingRuntime",
            lambda each: each["spec"].pop("containers"),
            "spec: 'containers' is a required property",
        ),
        (
            "ClusterServingRuntime",
            lambda each: each["spec"]["containers"][0]["livenessProbe"]["httpGet"].pop("port"),
            "spec.containers.0.livenessProbe.httpGet: 'port' is a required property",
        ),
        (
            "ClusterServingRuntime",
            lambda each: each["spec"].update(securityContext={"runAsNonRoot": True}),
            "spec: Additional properties are not allowed ('securityContext' was unexpected)",
        ),
        (
            "InferenceService",
            lambda each: each["spec"]["predictor"]["model"].update(storageUrl="pvc://a"),
            "spec.predictor.model: Additional properties are not allowed "
            "('storageUrl' was unexpected)",
        ),
        (
            "InferenceService",
            lambda each: each["spec"]["predictor"].update(minReplicas="2"),
            "spec.predictor.minReplicas: '2' is not of type 'integer'",
        ),
        (
            "InferenceService",
            lambda each: each["spec"].pop("predictor"),
            "spec: 'predictor' is a required property",
        ),
        (
            "InferenceService",
            lambda each: each.pop("metadata"),
            ": 'metadata' is a required property",
        ),
    ],
)
def test_a_planted_error_is_found(
    manifests: list[Manifest], kind: str, change: Change, message: str
) -> None:
    manifest = copy.deepcopy(of_kind(manifests, kind))
    change(manifest)
    assert message in kserve_schemas.errors(manifest)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "ServingRuntimes"}, "expected a kind that KServe has, found ServingRuntimes"),
        ({"apiVersion": "serving.kserve.io/v1"}, "of serving.kserve.io/v1"),
        ({"apiVersion": "apps/v1"}, "expected a resource of serving.kserve.io, found apps/v1"),
    ],
)
def test_a_kind_that_kserve_does_not_have_is_found(
    manifests: list[Manifest], change: dict[str, str], message: str
) -> None:
    with pytest.raises(AssertionError, match=message):
        kserve_schemas.errors(manifests[0] | change)


def test_kserve_selects_the_runtime_for_the_service(manifests: list[Manifest]) -> None:
    runtime = of_kind(manifests, "ClusterServingRuntime")["spec"]
    model = of_kind(manifests, "InferenceService")["spec"]["predictor"]["model"]
    (found,) = runtime["supportedModelFormats"]
    assert model["modelFormat"] == {"name": found["name"], "version": found["version"]}
    assert found["autoSelect"] is True
    assert runtime["protocolVersions"] == [model["protocolVersion"]] == ["v2"]


def test_every_variable_is_a_valid_setting(
    container: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(container, monkeypatch)
    assert [each["containerPort"] for each in container["ports"]] == [settings.port]
    assert container["args"] == ["serve", MOUNT]


def test_the_grace_period_covers_the_whole_stop(
    manifests: list[Manifest], container: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(container, monkeypatch)
    sleep = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    predictor = of_kind(manifests, "InferenceService")["spec"]["predictor"]
    needed = sleep + settings.drain_delay_seconds + settings.drain_seconds
    assert predictor["terminationGracePeriodSeconds"] >= needed + 2


def test_the_runtime_is_the_container_of_the_chart_on_other_ports(container: Manifest) -> None:
    pod = pod_of(template())
    (other,) = pod["containers"]
    numbers = {"http": 8080, "health": 8001}
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        other[probe]["httpGet"]["port"] = numbers[other[probe]["httpGet"]["port"]]
    for variable in other["env"]:
        if variable["name"] == "HIGHWAY_PORT":
            variable["value"] = "8080"
    for name in ("runAsNonRoot", "runAsUser", "runAsGroup", "seccompProfile"):
        other["securityContext"][name] = pod["securityContext"][name]
    for different in (container, other):
        for name in ("name", "args", "ports"):
            del different[name]
        different["env"].sort(key=lambda variable: str(variable["name"]))
    assert container == other


# Folders as KServe mounts them


def downloaded(folder: Path) -> Path:
    """The storage initializer copies a bucket's files to the folder."""
    folder.mkdir()
    shutil.copy(MODEL, folder / "digits.onnx")
    return folder


def from_config_map(folder: Path) -> Path:
    """A volume of a ConfigMap: links to links."""
    write_volume(folder, {"digits.onnx": MODEL})
    return folder


def repository(folder: Path) -> Path:
    """A volume with folders of models and versions."""
    (folder / "digits" / "1").mkdir(parents=True)
    shutil.copy(MODEL, folder / "digits" / "1" / "model.onnx")
    return folder


def from_image(folder: Path) -> Path:
    """A model in an image of its own, to whose files the mount is a link."""
    folder.symlink_to(downloaded(folder.with_name("image")))
    return folder


@pytest.mark.parametrize("layout", [downloaded, from_config_map, repository, from_image])
def test_the_runtime_serves_a_mounted_folder_by_protocol_2_and_passes_its_probes(
    container: Manifest, tmp_path: Path, layout: Callable[[Path], Path]
) -> None:
    with running(container, {MOUNT: layout(tmp_path / "models")}) as pod:
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            pod.wait_until(probe)
        port = pod.port(8080)
        assert fetch(port, "/v2/models/digits")["versions"] == ["1"]
        gates, classes = infer(port)["outputs"]
        assert (gates["name"], gates["shape"]) == ("gate_mean", [1, 8])
        assert classes["data"][0].endswith(":7:7")  # index and label of the most probable class
        pod.process.terminate()
        # Not ready first, but alive until the end.
        while pod.passes("readinessProbe"):
            assert pod.passes("livenessProbe")
        assert pod.process.wait(10) == 0


def infer(port: int) -> Any:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v2/models/digits/infer",
        INFER,
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=5) as response:
        return json.load(response)


def test_a_folder_without_a_model_ends_the_container(container: Manifest, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    with running(container, {MOUNT: tmp_path / "models"}) as pod:
        assert pod.process.wait(20) == 1
        assert not pod.passes("startupProbe")
