"""Prometheus with the files of deploy/: valid, its alerts tested, scraping real servers, firing."""

import re
import shutil
import signal
from pathlib import Path

import pytest
import yaml

from service.settings import Settings
from tests.deploy.conftest import Replicas
from tests.deploy.monitoring import (
    CONFIGURATION,
    RULE_TESTS,
    RULES,
    Prometheus,
    QueryError,
    metrics_in,
    promtool,
    rules,
    unknown_metrics,
)
from tests.deploy.programs import ROOT, eventually
from tests.reliability.connection import post
from tests.reliability.processes import BUNDLED

PAGE = ROOT / "docs" / "compose.md"
RUNBOOK = "https://github.com/highway-networks/highway-networks/blob/main/docs/compose.md#"
SEVEN = (ROOT / "examples" / "seven.json").read_bytes()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A folder with copies of the rules, their tests and the configuration."""
    for file in (RULES, RULE_TESTS, CONFIGURATION):
        shutil.copy(file, tmp_path)
    return tmp_path


def change(file: Path, old: str, new: str) -> Path:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    return file


def test_the_configuration_is_valid() -> None:
    assert promtool("check", "config", CONFIGURATION)[0] == 0


def test_an_unknown_key_in_the_configuration_is_found(copy: Path) -> None:
    file = change(copy / "prometheus.yaml", "scrape_timeout", "scrape_time")
    code, output = promtool("check", "config", file)
    assert code == 1
    assert "field scrape_time not found" in output


def test_the_rules_are_valid() -> None:
    code, output = promtool("check", "rules", "--lint=all", "--lint-fatal", RULES)
    assert code == 0, output
    assert f"{len(rules())} rules found" in output


def test_an_unknown_function_in_a_rule_is_found(copy: Path) -> None:
    code, output = promtool("check", "rules", change(copy / "rules.yaml", "resets(", "rests("))
    assert code == 1
    assert 'unknown function with name "rests"' in output


def test_the_tests_of_the_alerts_pass() -> None:
    code, output = promtool("test", "rules", RULE_TESTS)
    assert code == 0, output


@pytest.mark.parametrize(
    ("old", "new", "alert"),
    [
        ('up{job="highway"} == 0', 'up{job="highway"} == 1', "HighwayDown"),
        ("[15m])) >= 2", "[15m])) >= 3", "HighwayRestarting"),
        ("internal_error|not_ready|deadline", "internal_error|not_ready", "HighwayErrors"),
        ("internal_error|not_ready|deadline", ".*", "HighwayErrors"),
        ("< 0.99", "< 0.95", "HighwaySlow"),
        ("for: 1m\n", "for: 2m\n", "HighwayDown"),
        (
            "group_left () highway_drift_threshold",
            "group_left () highway_drifting",
            "HighwayLayerDrift",
        ),
        ('outcome="lost"', 'outcome="sampled_out"', "HighwayLedgerLosingRows"),
        ("tmpfs|", "", "DiskNearlyFull"),
    ],
)
def test_a_changed_alert_fails_its_test(copy: Path, old: str, new: str, alert: str) -> None:
    text = (copy / "rules.yaml").read_text()
    assert old in text
    (copy / "rules.yaml").write_text(text.replace(old, new))
    keep_tests_of(alert, copy / "rules_test.yaml")
    code, output = promtool("test", "rules", copy / "rules_test.yaml")
    assert code == 1
    assert alert in output


def keep_tests_of(alert: str, file: Path) -> None:
    """Remove the tests of all other alerts: each takes a while."""
    content = yaml.safe_load(file.read_text())
    content["tests"] = [
        block for block in content["tests"] if block["alert_rule_test"][0]["alertname"] == alert
    ]
    file.write_text(yaml.safe_dump(content))


def test_every_alert_is_tested_to_fire_and_not_to_fire() -> None:
    fires, quiet = set[str](), set[str]()
    for block in yaml.safe_load(RULE_TESTS.read_text())["tests"]:
        for case in block["alert_rule_test"]:
            (fires if case.get("exp_alerts") else quiet).add(case["alertname"])
    names = {rule["alert"] for rule in rules()}
    assert fires == names
    assert quiet == names


def test_every_alert_has_a_severity_a_summary_and_a_section_of_the_runbook() -> None:
    headings = re.findall(r"^#+ (\w+)$", PAGE.read_text(), re.MULTILINE)
    for rule in rules():
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        assert rule["annotations"]["summary"].endswith(".")
        assert rule["annotations"]["runbook_url"] == RUNBOOK + rule["alert"].lower()
        assert rule["alert"] in headings


def test_thresholds_are_those_of_the_defaults() -> None:
    text = RULES.read_text()
    assert Settings().max_queue_ms == 250
    assert "highway_queue_wait_seconds" in text
    assert "HIGHWAY_MEMORY:-256m" in (ROOT / "deploy/compose/compose.yaml").read_text()
    assert "0.85 * 256 * 1024 * 1024" in text


def test_all_targets_are_scraped(prometheus: Prometheus) -> None:
    jobs = [series["metric"]["job"] for series in prometheus.query("up == 1")]
    assert sorted(jobs) == ["highway", "highway", "node", "prometheus"]


def test_every_metric_of_the_rules_exists(prometheus: Prometheus) -> None:
    # Metrics of drift have samples once a window has rows: test_grafana.py waits for them.
    names = prometheus.names() | {"highway_drift_p_value"}
    assert unknown_metrics([rule["expr"] for rule in rules()], names) == set()


def test_a_rule_with_an_unknown_metric_is_found(prometheus: Prometheus, copy: Path) -> None:
    file = change(copy / "rules.yaml", "highway_queue_wait_seconds", "highway_queue_wait")
    assert promtool("check", "rules", file)[0] == 0  # it knows no metrics
    names = prometheus.names() | {"highway_drift_p_value"}
    assert unknown_metrics([rule["expr"] for rule in rules(file)], names) == {"highway_queue_wait"}


def test_every_selector_of_the_rules_finds_series(prometheus: Prometheus) -> None:
    for rule in rules():
        for selector in re.findall(r"\w+\{[^}]*\}", rule["expr"]):
            if "drift_p_value" not in selector and "group_left" not in selector:
                assert prometheus.query(f"count({selector})"), selector


def test_the_metrics_of_an_expression_are_found() -> None:
    expression = (
        'sum by (model) (rate(a_total{x="y{z}", w=~"b|c"}[5m])) / on (instance) group_left (d) '
        "clamp_min(e:f, 1e-300) > bool 0.5 and max(g)"
    )
    assert metrics_in(expression) == {"a_total", "e:f", "g"}


def test_a_malformed_query_is_an_error(prometheus: Prometheus) -> None:
    with pytest.raises(QueryError, match="parse error"):
        prometheus.query("sum(up")


def test_a_refused_model_makes_an_alert_fire(prometheus: Prometheus, replicas: Replicas) -> None:
    assert "HighwayModelRefused" not in prometheus.firing()
    server, model = replicas.servers[0], replicas.models[0]
    model.write_bytes(BUNDLED.read_bytes()[:-1000])
    server.process.send_signal(signal.SIGHUP)
    eventually(lambda: "HighwayModelRefused" in prometheus.firing())
    shutil.copy(BUNDLED, model)
    assert post(server.port, "/predict", SEVEN).status == 200  # the previous version stays


def test_without_a_reason_no_alert_fires(prometheus: Prometheus) -> None:
    assert prometheus.firing() <= {"HighwayModelRefused", "HighwayDrift", "HighwayLayerDrift"}
