"""The kustomizations: what kubectl renders is valid, safe and consistent."""

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from service import __version__
from service.settings import SettingsError
from tests.conftest import ROOT
from tests.deploy.manifests import (
    CHART,
    KSERVE,
    KUBERNETES,
    MODEL,
    NEWEST,
    OLDEST,
    OVERLAYS,
    Manifest,
    container_of,
    documents,
    kustomization,
    kustomize,
    objects,
    of_kind,
    pod_of,
    program,
    run,
    settings_of,
)

MODELS_VOLUME = KUBERNETES / "models-volume.yaml"
PAGE = (ROOT / "docs" / "kubernetes.md").read_text()
Change = Callable[[Manifest], object]


@pytest.fixture(params=OVERLAYS)
def manifests(request: pytest.FixtureRequest) -> list[Manifest]:
    """The objects of one kustomization."""
    return kustomization(request.param)


@pytest.fixture
def base() -> list[Manifest]:
    return kustomization("base")


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_every_rendered_object_is_valid(
    manifests: list[Manifest], version: str, kubernetes_validate: Any
) -> None:
    for manifest in manifests:
        kubernetes_validate.validate(manifest, version, strict=True)


def test_every_file_of_the_base_is_valid_by_itself(kubernetes_validate: Any) -> None:
    kinds = []
    for manifest in objects(KUBERNETES / "base"):
        if manifest["kind"] != "Kustomization":
            kubernetes_validate.validate(manifest, NEWEST, strict=True)
            kinds.append(manifest["kind"])
    assert sorted(kinds) == [
        *("Deployment", "HorizontalPodAutoscaler", "NetworkPolicy"),
        *("PodDisruptionBudget", "Service"),
    ]


def test_the_writer_of_models_is_valid_and_confined_as_the_service_that_reads_them(
    kubernetes_validate: Any,
) -> None:
    claim, writer = documents(MODELS_VOLUME.read_text())
    for manifest, version in product((claim, writer), (OLDEST, NEWEST)):
        kubernetes_validate.validate(manifest, version, strict=True)
    pod = pod_of(kustomization("overlays/production"))
    for security, other in (
        (writer["spec"], pod),
        (writer["spec"]["containers"][0], pod["containers"][0]),
    ):
        assert security["securityContext"].items() <= other["securityContext"].items()
    name = claim["metadata"]["name"]
    (written,) = writer["spec"]["volumes"]
    claims = [each.get("persistentVolumeClaim", {}).get("claimName") for each in pod["volumes"]]
    assert written["persistentVolumeClaim"]["claimName"] == name
    assert name in claims
    assert f"pod/{writer['metadata']['name']}" in PAGE
    writer["spec"]["restart"] = "Never"
    with pytest.raises(kubernetes_validate.ValidationError, match="'restart' was unexpected"):
        kubernetes_validate.validate(writer, NEWEST, strict=True)


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        (
            "Deployment",
            lambda each: each["spec"]["template"]["spec"]["containers"][0].update(probe={}),
            "'probe' was unexpected",
        ),
        (
            "Deployment",
            lambda each: each["spec"]["template"]["spec"].update(
                terminationGracePeriodSeconds="30"
            ),
            "'30' is not of type",
        ),
        (
            "Service",
            lambda each: each["spec"]["ports"][0].pop("port"),
            "'port' is a required property",
        ),
        (
            "PodDisruptionBudget",
            lambda each: each["spec"].update(maxUnavailible=1),
            "'maxUnavailible' was unexpected",
        ),
        (
            "HorizontalPodAutoscaler",
            lambda each: each["spec"].pop("maxReplicas"),
            "'maxReplicas' is a required property",
        ),
        (
            "NetworkPolicy",
            lambda each: each["spec"]["egress"][0].update(from_=[]),
            "'from_' was unexpected",
        ),
        ("ConfigMap", lambda each: each.update(data=[]), "is not of type"),
    ],
)
def test_kubernetes_validate_finds_a_planted_error_in_each_kind(
    kind: str, change: Change, message: str, kubernetes_validate: Any
) -> None:
    manifest = of_kind(kustomization("overlays/configmap"), kind)
    change(manifest)
    with pytest.raises(kubernetes_validate.ValidationError, match=message):
        kubernetes_validate.validate(manifest, NEWEST, strict=True)


@pytest.mark.parametrize(
    "change", [{"kind": "HorizontalPodAutoscalers"}, {"apiVersion": "autoscaling/v3"}]
)
def test_kubernetes_validate_finds_a_kind_or_version_that_does_not_exist(
    base: list[Manifest], change: dict[str, str], kubernetes_validate: Any
) -> None:
    manifest = of_kind(base, "HorizontalPodAutoscaler") | change
    with pytest.raises(kubernetes_validate.SchemaNotFoundError):
        kubernetes_validate.validate(manifest, NEWEST, strict=True)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("base/kustomization.yaml", "service.yaml", "services.yaml", "services.yaml"),
        ("base/kustomization.yaml", "labels:", "label:", "unknown field"),
        ("base/service.yaml", "kind: Service", "kind: Service: x", "mapping values"),
        (
            "overlays/production/ledger.yaml",
            "name: highway\n",
            "name: highways\n",
            "no matches for Id Deployment",
        ),
    ],
)
def test_kustomize_finds_a_planted_error(
    tmp_path: Path, file: str, old: str, new: str, message: str
) -> None:
    folder = shutil.copytree(KUBERNETES, tmp_path / "kubernetes")
    path = folder / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    done = run("kubectl", "kustomize", folder / "overlays" / "production")
    assert done.returncode != 0
    assert message in done.stderr


def test_no_yaml_file_is_left_out_of_the_kustomizations() -> None:
    for folder in map(KUBERNETES.joinpath, OVERLAYS):
        (root,) = documents((folder / "kustomization.yaml").read_text())
        used = {*root["resources"], *(patch["path"] for patch in root.get("patches", []))}
        files = {path.name for path in folder.glob("*.yaml")} - {"kustomization.yaml"}
        assert files == {name for name in used if name.endswith(".yaml")}


def test_every_variable_is_a_valid_setting(
    manifests: list[Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    container = container_of(manifests)
    settings = settings_of(container, monkeypatch)
    assert {each["name"]: each["containerPort"] for each in container["ports"]} == {
        "http": settings.port,
        "health": settings.health_port,
    }


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("HIGHWAY_DRAIN", "20", "expected the name of a setting"),
        ("HIGHWAY_DRAIN_SECONDS", "20s", "expected an integer"),
        ("HIGHWAY_LEDGER_URL", "mysql://db/x", "HIGHWAY_LEDGER_URL"),
    ],
)
def test_a_planted_error_in_a_variable_is_found(
    base: list[Manifest], monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    container = container_of(base)
    container["env"].append({"name": name, "value": value})
    with pytest.raises(SettingsError, match=message):
        settings_of(container, monkeypatch)


def test_the_image_has_the_version_of_this_source_as_the_page_builds_it(
    base: list[Manifest],
) -> None:
    image = container_of(base)["image"]
    assert image == f"highway-networks:{__version__}"
    assert f"make image IMAGE={image}\n" in PAGE


def test_the_container_runs_the_command_of_the_image(manifests: list[Manifest]) -> None:
    container = container_of(manifests)
    instructions = re.findall(
        r"^(?:ENTRYPOINT|CMD) (\[.*\])", (ROOT / "Dockerfile").read_text(), re.MULTILINE
    )
    image = [word for instruction in instructions for word in json.loads(instruction)]
    assert container["command"] + container["args"] == image


def test_the_grace_period_covers_the_whole_stop(
    manifests: list[Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    container = container_of(manifests)
    settings = settings_of(container, monkeypatch)
    sleep = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    needed = sleep + settings.drain_delay_seconds + settings.drain_seconds
    assert pod_of(manifests)["terminationGracePeriodSeconds"] >= needed + 2


def test_the_pod_has_no_privilege_and_no_token(manifests: list[Manifest]) -> None:
    pod, container = pod_of(manifests), container_of(manifests)
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "fsGroup": 65532,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert all(mount["readOnly"] for mount in container.get("volumeMounts", []))
    assert "USER 65532" in (ROOT / "Dockerfile").read_text()


def test_a_pod_requests_all_the_memory_that_it_may_use(base: list[Manifest]) -> None:
    resources = container_of(base)["resources"]
    assert resources["requests"]["memory"] == resources["limits"]["memory"]
    assert "cpu" not in resources["limits"]


def test_liveness_is_probed_where_no_load_delays_it_and_readiness_where_clients_connect(
    base: list[Manifest],
) -> None:
    container = container_of(base)
    probes = {
        name: (container[name]["httpGet"]["path"], container[name]["httpGet"]["port"])
        for name in ("startupProbe", "livenessProbe", "readinessProbe")
    }
    assert probes == {
        "startupProbe": ("/v2/health/live", "health"),
        "livenessProbe": ("/v2/health/live", "health"),
        "readinessProbe": ("/v2/health/ready", "http"),
    }


def test_every_selector_of_the_service_selects_its_pods_and_no_others(
    manifests: list[Manifest],
) -> None:
    deployment = of_kind(manifests, "Deployment")["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    assert labels == {
        "app.kubernetes.io/name": "highway-networks",
        "app.kubernetes.io/instance": "highway",
    }
    policy = of_kind(manifests, "NetworkPolicy")["spec"]
    for selector in (
        of_kind(manifests, "Service")["spec"]["selector"],
        deployment["selector"]["matchLabels"],
        of_kind(manifests, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        policy["podSelector"]["matchLabels"],
        *(
            each["labelSelector"]["matchLabels"]
            for each in deployment["template"]["spec"]["topologySpreadConstraints"]
        ),
    ):
        assert selector == labels
    # kustomize's `includeSelectors` would add the service's labels to this selector.
    (name_server,) = policy["egress"][0]["to"]
    assert name_server["podSelector"]["matchLabels"] == {"k8s-app": "kube-dns"}


def test_named_ports_are_ports_of_the_container(manifests: list[Manifest]) -> None:
    container = container_of(manifests)
    names = {each["name"] for each in container["ports"]}
    policy = of_kind(manifests, "NetworkPolicy")["spec"]
    assert of_kind(manifests, "Service")["spec"]["ports"][0]["targetPort"] in names
    assert policy["ingress"][0]["ports"][0]["port"] in names
    for name in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[name]["httpGet"]["port"] in names


def test_only_the_production_overlay_connects_to_postgresql() -> None:
    ports = {
        name: [
            port["port"]
            for rule in of_kind(kustomization(name), "NetworkPolicy")["spec"]["egress"]
            for port in rule["ports"]
        ]
        for name in OVERLAYS
    }
    assert ports == {
        "base": [53, 53],
        "overlays/configmap": [53, 53],
        "overlays/production": [53, 53, 5432],
    }


def test_the_autoscaler_owns_the_number_of_replicas(base: list[Manifest]) -> None:
    assert "replicas" not in of_kind(base, "Deployment")["spec"]
    autoscaler = of_kind(base, "HorizontalPodAutoscaler")["spec"]
    assert autoscaler["scaleTargetRef"]["name"] == of_kind(base, "Deployment")["metadata"]["name"]
    # With one replica and `maxUnavailable: 1`, draining a node would stop the service.
    assert autoscaler["minReplicas"] >= 2


def test_no_file_holds_a_secret() -> None:
    contents = {
        path: path.read_text()
        for folder in (KUBERNETES, CHART, KSERVE)
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".onnx"
    }
    assert len(contents) > 25
    for path, text in contents.items():
        assert not re.search(r"kind: Secret\b|://\w+:\w+@|password:", text), path


def test_the_bundled_model_fits_in_a_config_map() -> None:
    config = of_kind(kustomization("overlays/configmap"), "ConfigMap")
    assert list(config["binaryData"]) == ["model.onnx"]
    assert MODEL.stat().st_size < 1 << 20  # the API server refuses more


def test_the_page_shows_what_is_rendered(tmp_path: Path) -> None:
    """A block of YAML is a part of the overlay `production`, or a kustomization on top of it."""
    text = run("kubectl", "kustomize", KUBERNETES / "overlays" / "production").stdout
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    own = [block for block in blocks if block.startswith("apiVersion: kustomize")]
    for block in blocks:
        assert block in own or block in text
    (block,) = own
    copied = shutil.copytree(KUBERNETES, tmp_path / "deploy" / "kubernetes")
    (tmp_path / "kustomization.yaml").write_text(block)
    image = container_of(kustomize(tmp_path))["image"]
    assert image == f"registry.example.com/highway-networks:{__version__}"
    assert copied.is_dir()


def test_the_page_creates_what_the_manifests_refer_to(tmp_path: Path) -> None:
    (tmp_path / "api-keys").write_text("ann predict 0\n")
    (tmp_path / "url").write_text("postgresql://highway:secret@postgresql/highway\n")
    shutil.copy(MODEL, tmp_path / "model.onnx")
    commands = re.findall(r"^ +kubectl (create (?:secret|configmap) .*)$", PAGE, re.MULTILINE)
    created = {}
    for words in commands:
        done = subprocess.run(
            [program("kubectl"), *shlex.split(words), "--dry-run=client", "--output=json"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        found = json.loads(done.stdout)
        created[found["metadata"]["name"]] = set(found.get("data") or found["binaryData"])
    pod = pod_of(kustomization("overlays/production"))
    (ledger,) = (each["valueFrom"] for each in pod["containers"][0]["env"] if "valueFrom" in each)
    (keys,) = (each["secret"] for each in pod["volumes"] if "secret" in each)
    assert created == {
        ledger["secretKeyRef"]["name"]: {ledger["secretKeyRef"]["key"]},
        keys["secretName"]: {item["key"] for item in keys["items"]},
        "highway-model": {"model.onnx"},
    }
