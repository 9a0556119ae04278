"""The dashboard: every expression is evaluated by Prometheus on servers that had traffic."""

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.compose_file import resolved
from tests.deploy.conftest import Replicas
from tests.deploy.monitoring import Prometheus, unknown_metrics
from tests.deploy.programs import DEPLOY, ROOT, eventually
from tests.reliability.connection import post

GRAFANA = DEPLOY / "grafana"
DASHBOARD = GRAFANA / "dashboards" / "highway.json"
PROVISIONING = GRAFANA / "provisioning"
SOURCES = PROVISIONING / "datasources" / "prometheus.yaml"
PROVIDERS = PROVISIONING / "dashboards" / "highway.yaml"
PROVISIONED = (SOURCES, PROVIDERS)
SLOT_SECONDS = 30  # of the shortest window of drift
VARIABLES = {"$__rate_interval": "10s", "$model": ".*", "$window": ".*"}
NO_ANNOTATIONS = {"annotations": {"list": list[Any]()}}


@pytest.fixture(scope="module")
def dashboard() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(DASHBOARD.read_text())
    return content


@pytest.fixture(scope="module")
def drifted(prometheus: Prometheus, replicas: Replicas) -> Prometheus:
    """Prometheus after both replicas had traffic that drifts, of which a window has ended."""
    (row,) = json.loads((ROOT / "examples" / "seven.json").read_bytes())["instances"]
    one = json.dumps({"instances": [row]}).encode()
    many = json.dumps({"instances": [row] * 200}).encode()
    for port in replicas.ports:
        assert post(port, "/predict", many).status == 200

    def has_drifted() -> bool:
        for port in replicas.ports:  # rates need samples that grow
            assert post(port, "/predict", one).status == 200
        return "HighwayLayerDrift" in prometheus.firing()

    eventually(has_drifted, seconds=2 * SLOT_SECONDS)
    return prometheus


def panels(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def expressions(dashboard: dict[str, Any]) -> Iterator[str]:
    """Yield every expression with all variables replaced."""
    found = [target["expr"] for panel in panels(dashboard) for target in panel["targets"]]
    found += [annotation["expr"] for annotation in dashboard["annotations"]["list"]]
    for text in found:
        for name, value in VARIABLES.items():
            text = text.replace(name, value)
        assert "$" not in text
        yield text


def test_every_expression_has_a_result(drifted: Prometheus, dashboard: dict[str, Any]) -> None:
    for text in expressions(dashboard):
        assert drifted.query(text), text


def test_traffic_that_drifts_makes_the_alerts_fire(drifted: Prometheus) -> None:
    assert {"HighwayDrift", "HighwayLayerDrift"} <= drifted.firing()


def test_every_metric_exists(drifted: Prometheus, dashboard: dict[str, Any]) -> None:
    assert unknown_metrics(list(expressions(dashboard)), drifted.names() | {"ALERTS"}) == set()


def test_a_panel_with_an_unknown_metric_is_found(
    drifted: Prometheus, dashboard: dict[str, Any]
) -> None:
    planted = deepcopy(dashboard)
    target = panels(planted)[1]["targets"][0]
    target["expr"] = target["expr"].replace("highway_inference_requests_total", "highway_requests")
    unknown = unknown_metrics(list(expressions(planted)), drifted.names() | {"ALERTS"})
    assert unknown == {"highway_requests"}
    assert drifted.query(list(expressions(planted))[1]) == []


def test_the_metrics_of_every_requested_subject_are_shown(dashboard: dict[str, Any]) -> None:
    text = " ".join(expressions(dashboard))
    for subject in (
        *("inference_requests_total", "request_seconds", "queue_seconds", "compute_seconds"),
        *("queue_wait_seconds", "rejected_total", "inference_exec_total", "gate_mean_sum"),
        *("gate_usual_lower", "atypical_rows_total", "drift_psi", "ledger_rows_total"),
    ):
        assert f"highway_{subject}" in text


def test_variables_take_their_values_from_metrics(
    drifted: Prometheus, dashboard: dict[str, Any]
) -> None:
    for variable in dashboard["templating"]["list"]:
        name, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["definition"]).groups()  # type: ignore[union-attr]
        assert variable["query"]["query"] == variable["definition"]
        values = {series["metric"].get(label) for series in drifted.query(name)}
        assert values
        assert None not in values


def test_series_are_named_by_labels_that_they_have(
    drifted: Prometheus, dashboard: dict[str, Any]
) -> None:
    for panel in panels(dashboard):
        for target in panel["targets"]:
            named = set(re.findall(r"{{(\w+)}}", target.get("legendFormat", "")))
            (text,) = expressions({"panels": [{**panel, "targets": [target]}], **NO_ANNOTATIONS})
            for series in drifted.query(text):
                assert named <= set(series["metric"]), panel["title"]


def test_panels_have_a_title_a_description_a_number_and_a_place_of_their_own(
    dashboard: dict[str, Any],
) -> None:
    numbers = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(numbers)) == len(numbers)
    used = set[tuple[int, int]]()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {
            (place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])
        }
        assert not cells & used, panel["title"]
        assert max(x for x, _ in cells) < 24
        used |= cells
    for panel in panels(dashboard):
        assert panel["title"]
        assert panel["description"].endswith(".")


def test_the_data_source_is_the_provisioned_one(dashboard: dict[str, Any]) -> None:
    (source,) = yaml.safe_load(SOURCES.read_text())["datasources"]
    used = set(
        re.findall(r'"datasource": {"type": "(\w+)", "uid": "(\w+)"}', json.dumps(dashboard))
    )
    assert used == {(source["type"], source["uid"])}
    interval = yaml.safe_load((DEPLOY / "prometheus/prometheus.yaml").read_text())["global"]
    assert source["jsonData"]["timeInterval"] == interval["scrape_interval"]


def test_the_data_source_is_the_prometheus_of_compose(prepared: Path) -> None:
    text = SOURCES.read_text()
    services = resolved(env_file=prepared / ".env")["services"]
    assert "--web.listen-address=:9090" in services["prometheus"]["command"]
    assert "url: http://prometheus:9090" in text


def test_the_folder_of_dashboards_is_the_mounted_one(prepared: Path) -> None:
    content = yaml.safe_load(PROVIDERS.read_text())
    (provider,) = content["providers"]
    volumes = resolved(env_file=prepared / ".env")["services"]["grafana"]["volumes"]
    mounted = {volume["target"]: volume["source"] for volume in volumes}
    assert Path(mounted[provider["options"]["path"]]) == DASHBOARD.parent
    assert Path(mounted["/etc/grafana/provisioning"]) == PROVISIONING
