"""The chart: its values, what it renders, and that this equals the kustomizations."""

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from service import __version__
from service.settings import SettingsError
from tests.deploy.manifests import (
    CHART,
    NEWEST,
    OLDEST,
    OVERLAYS,
    Manifest,
    container_of,
    kustomization,
    of_kind,
    pod_of,
    run,
    settings_of,
    template,
)

EXAMPLES = sorted((CHART / "examples").glob("*.yaml"))
# The values with which the chart renders each kustomization.
EQUAL: dict[str, list[str | Path]] = {
    "base": [],
    "overlays/configmap": ["--values", CHART / "examples" / "configmap.yaml"],
    "overlays/production": ["--values", CHART / "examples" / "production.yaml"],
}
OF_HELM = ("app.kubernetes.io/version", "app.kubernetes.io/managed-by", "helm.sh/chart")


def options(values: Path | None) -> list[str | Path]:
    return ["--values", values] if values else []


ALL_VALUES = pytest.mark.parametrize(
    "values", [None, *EXAMPLES], ids=["defaults", *(path.stem for path in EXAMPLES)]
)


@ALL_VALUES
def test_helm_lint_has_no_finding(values: Path | None) -> None:
    done = run("helm", "lint", "--strict", CHART, *options(values))
    assert done.returncode == 0, done.stdout
    assert "1 chart(s) linted, 0 chart(s) failed" in done.stdout
    assert "[WARNING]" not in done.stdout


@ALL_VALUES
def test_what_the_chart_renders_is_valid(values: Path | None, kubernetes_validate: Any) -> None:
    for manifest in template(*options(values)):
        for version in (OLDEST, NEWEST):
            kubernetes_validate.validate(manifest, version, strict=True)


@ALL_VALUES
def test_every_variable_is_a_valid_setting(
    values: Path | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    container = container_of(template(*options(values)))
    settings_of(container, monkeypatch)
    names = [each["name"] for each in container["env"]]
    assert len(names) == len(set(names))


def by_name(items: list[Any]) -> list[Any]:
    return sorted(items, key=lambda item: str(item["name"]))


def normalised(manifests: list[Manifest]) -> dict[str, Manifest]:
    """Return objects by kind, without what only Helm adds and without the order of named items."""
    found = {}
    for manifest in copy.deepcopy(manifests):
        metadata = manifest["metadata"]
        metadata.pop("namespace", None)
        for label in OF_HELM:
            metadata.get("labels", {}).pop(label, None)
        if manifest["kind"] == "Deployment":
            pod = manifest["spec"]["template"]["spec"]
            container = pod["containers"][0]
            container["env"] = by_name(container["env"])
            for part, key in ((container, "volumeMounts"), (pod, "volumes")):
                if key in part:
                    part[key] = by_name(part[key])
            # The overlay `configmap` calls its volume `model`.
            manifest = json.loads(json.dumps(manifest).replace('"model"', '"models"'))
        found[manifest["kind"]] = manifest
    return found


@pytest.mark.parametrize("name", OVERLAYS)
def test_the_chart_renders_the_objects_of_the_kustomization(name: str) -> None:
    ours = normalised(kustomization(name))
    ours.pop("ConfigMap", None)  # the user of the chart creates it
    assert normalised(template(*EQUAL[name])) == ours


def test_the_chart_has_the_version_of_this_source() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (__version__, __version__)


def test_a_difference_between_chart_and_kustomization_is_found(tmp_path: Path) -> None:
    chart = shutil.copytree(CHART, tmp_path / "highway-networks")
    path = chart / "templates" / "deployment.yaml"
    path.write_text(path.read_text().replace("failureThreshold: 3", "failureThreshold: 4", 1))
    assert normalised(template(chart=chart)) != normalised(kustomization("base"))


def test_the_grace_period_follows_from_the_times_of_the_stop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = ("preStopSeconds=10", "delaySeconds=3", "drainSeconds=60")
    manifests = template(*(part for word in words for part in ("--set", f"stop.{word}")))
    settings = settings_of(container_of(manifests), monkeypatch)
    assert (settings.drain_delay_seconds, settings.drain_seconds) == (3, 60)
    assert pod_of(manifests)["terminationGracePeriodSeconds"] == 10 + 3 + 60 + 4


def test_the_small_example_has_one_pod_and_its_own_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    manifests = template("--values", CHART / "examples" / "small.yaml")
    assert sorted(each["kind"] for each in manifests) == ["Deployment", "Service"]
    assert of_kind(manifests, "Deployment")["spec"]["replicas"] == 1
    settings = settings_of(container_of(manifests), monkeypatch)
    assert (settings.open, settings.log_level, settings.access_log_share) == (True, "debug", 1)


def test_a_misspelt_setting_passes_helm_and_is_found_by_the_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    manifests = template("--set-string", "settings.HIGHWAY_QUEUE=1")
    with pytest.raises(SettingsError, match="HIGHWAY_QUEUE: expected the name of a setting"):
        settings_of(container_of(manifests), monkeypatch)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("replica=3", "additional properties 'replica' not allowed"),
        ("image.pullPolicy=Sometimes", "image/pullPolicy"),
        ("autoscaling.minReplicas=0", "autoscaling/minReplicas"),
        ("stop.drainSeconds=soon", "stop/drainSeconds"),
        ("resources.limits.memory=many", "resources/limits/memory"),
        ("settings.PORT=1", "settings"),
        ("model.configMap=a,model.existingClaim=b", "'not' failed"),
        ("networkPolicy.ingressNamespaces=null", "missing property 'ingressNamespaces'"),
        ("service.port=70000", "service/port"),
    ],
)
def test_the_schema_finds_a_planted_error_in_the_values(setting: str, message: str) -> None:
    done = run("helm", "template", "highway", CHART, "--set", setting)
    assert done.returncode != 0
    assert message in done.stderr


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("Chart.yaml", "version: 0.1.0", "version: one", "version"),
        (
            "templates/service.yaml",
            "{{ .Values.service.port }}",
            "{{ .Values.service.port",
            "parse",
        ),
        ("templates/service.yaml", "spec:", " spec:", "error converting YAML to JSON"),
        ("templates/service.yaml", ".Values.service.port", ".Values.http.port", "nil pointer"),
        ("values.yaml", "replicas: 2", "replicas: two", "replicas"),
    ],
)
def test_helm_lint_finds_a_planted_error(
    tmp_path: Path, file: str, old: str, new: str, message: str
) -> None:
    chart = shutil.copytree(CHART, tmp_path / "highway-networks")
    path = chart / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    done = run("helm", "lint", "--strict", chart)
    assert done.returncode != 0
    assert message in done.stdout + done.stderr


def test_a_setting_cannot_be_given_twice() -> None:
    container = container_of(template(*EQUAL["overlays/production"]))
    for name in [each["name"] for each in container["env"]]:
        done = run("helm", "template", "highway", CHART, "--set-string", f"settings.{name}=1")
        assert "invalid propertyName" in done.stderr, name


def test_a_key_that_the_chart_gives_twice_is_found(tmp_path: Path) -> None:
    chart = shutil.copytree(CHART, tmp_path / "highway-networks")
    path = chart / "templates" / "service.yaml"
    path.write_text(path.read_text().replace("  type:", "  type: x\n  type:"))
    with pytest.raises(yaml.constructor.ConstructorError, match="the key 'type' is given twice"):
        template(chart=chart)


def test_every_value_has_a_place_in_the_schema() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    schema = json.loads((CHART / "values.schema.json").read_text())["properties"]
    assert set(values) | {"global"} == set(schema)
    for name, value in values.items():
        if "properties" in schema[name]:
            assert set(value) <= set(schema[name]["properties"]), name


def test_the_notes_name_what_is_missing() -> None:
    done = run("helm", "install", "highway", CHART, "--dry-run=client")
    assert done.returncode == 0, done.stderr
    notes = done.stdout.split("NOTES:")[1]
    assert "highway serves the bundled digit model." in notes
    assert "There are no API keys" in notes
    words = options(CHART / "examples" / "production.yaml")
    notes = run("helm", "install", "highway", CHART, "--dry-run=client", *words).stdout
    assert "highway serves the models in the volume highway-models." in notes
    assert "There are no API keys" not in notes
