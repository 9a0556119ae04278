"""The autoscaler's metric: in /metrics, in Prometheus and in the rule of prometheus-adapter."""

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.http.metrics import MODEL_METRICS
from tests.deploy.manifests import KUBERNETES, Manifest, documents, kustomization, of_kind
from tests.deploy.monitoring import promtool

ADAPTER = KUBERNETES / "prometheus-adapter.yaml"
SCRAPE = KUBERNETES / "prometheus-scrape.yaml"


@pytest.fixture
def base() -> list[Manifest]:
    return kustomization("base")


def adapter_rule() -> dict[str, Any]:
    (values,) = documents(ADAPTER.read_text())
    (rule,) = values["rules"]["custom"]
    found: dict[str, Any] = rule
    return found


def test_the_autoscaler_reads_the_gauge_of_the_queue(base: list[Manifest]) -> None:
    pods, processor = of_kind(base, "HorizontalPodAutoscaler")["spec"]["metrics"]
    assert processor["resource"]["name"] == "cpu"
    name = pods["pods"]["metric"]["name"]
    assert name == adapter_rule()["name"]["as"]
    assert name in {f"highway_{gauge}" for _, gauge, *_ in MODEL_METRICS}
    assert adapter_rule()["seriesQuery"].startswith(f"{name}{{")


def adapter_query() -> str:
    """The query that prometheus-adapter makes of the rule for two pods."""
    query: str = adapter_rule()["metricsQuery"]
    for placeholder, value in (
        ("<<.Series>>", "highway_pending_requests"),
        ("<<.LabelMatchers>>", 'namespace="default",pod=~"highway-a|highway-b"'),
        ("<<.GroupBy>>", "pod"),
    ):
        assert placeholder in query
        query = query.replace(placeholder, value)
    return query


def test_the_adapter_sums_the_models_of_each_pod_over_a_minute(tmp_path: Path) -> None:
    rules = {"groups": [{"name": "adapter", "rules": [{"record": "x", "expr": adapter_query()}]}]}
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(rules))

    def series(pod: str, model: str, values: str) -> dict[str, str]:
        labels = f'namespace="default",pod="{pod}",model="{model}",version="1"'
        return {"series": f"highway_pending_requests{{{labels}}}", "values": values}

    test = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "15s",
        "tests": [
            {
                "interval": "15s",
                "input_series": [
                    series("highway-a", "digits", "0 8 16 24 32"),  # of the last four: 20
                    series("highway-a", "letters", "4 4 4 4 4"),
                    series("highway-b", "digits", "0 0 0 0 0"),
                    series("other", "digits", "9 9 9 9 9"),
                ],
                "promql_expr_test": [
                    {
                        "expr": adapter_query(),
                        "eval_time": "61s",
                        "exp_samples": [
                            {"labels": '{pod="highway-a"}', "value": 24},
                            {"labels": '{pod="highway-b"}', "value": 0},
                        ],
                    }
                ],
            }
        ],
    }
    (tmp_path / "test.yml").write_text(yaml.safe_dump(test))
    code, output = promtool("test", "rules", tmp_path / "test.yml")
    assert code == 0, output
    wrong = (tmp_path / "test.yml").read_text().replace("value: 24", "value: 25")
    (tmp_path / "test.yml").write_text(wrong)
    assert promtool("test", "rules", tmp_path / "test.yml")[0] == 1


def discovered(job: dict[str, Any], pods: list[dict[str, str]], folder: Path) -> Any:
    """Return the labels of each pod's target after relabelling, by Prometheus itself.

    Debian's Prometheus is built without the discovery of pods: their labels are given instead.
    """
    assert job.pop("kubernetes_sd_configs") == [{"role": "pod"}]
    meta = "__meta_kubernetes_"
    job["static_configs"] = [
        {
            "targets": [f"10.0.0.{number}:8000"],
            "labels": {name.replace("kubernetes:", meta): value for name, value in pod.items()},
        }
        for number, pod in enumerate(pods)
    ]
    path = folder / "prometheus.yml"
    path.write_text(yaml.safe_dump({"scrape_configs": [job]}))
    words = ("check", "service-discovery", "--timeout", "1s", path, job["job_name"])
    code, output = promtool(*words)
    assert code == 0, output
    targets, _ = json.JSONDecoder().raw_decode(output[output.index("[") :])
    return [target["labels"] for target in targets if target["labels"]]


def test_prometheus_scrapes_the_pods_of_the_deployment_and_no_others(
    base: list[Manifest], tmp_path: Path
) -> None:
    template = of_kind(base, "Deployment")["spec"]["template"]["metadata"]
    pod = {
        "kubernetes:namespace": "default",
        "kubernetes:pod_name": "highway-a",
        "kubernetes:pod_container_port_name": "http",
        **{
            f"kubernetes:pod_{part}_{re.sub(r'[./-]', '_', name)}": value
            for part, values in (
                ("label", template["labels"]),
                ("annotation", template["annotations"]),
            )
            for name, value in values.items()
        },
    }
    others = [
        pod | {"kubernetes:pod_container_port_name": "health"},
        pod | {"kubernetes:pod_label_app_kubernetes_io_name": "other"},
        pod | {"kubernetes:pod_annotation_prometheus_io_scrape": "false"},
    ]
    (config,) = documents(SCRAPE.read_text())
    (job,) = config["scrape_configs"]
    (labels,) = discovered(copy.deepcopy(job), [pod, *others], tmp_path)
    assert labels["__address__"] == "10.0.0.0:8000"
    assert labels["__metrics_path__"] == "/metrics"
    assert (labels["namespace"], labels["pod"]) == ("default", "highway-a")
    job["relabel_configs"][0]["action"] = "keeps"
    with pytest.raises(AssertionError, match='unknown relabel action "keeps"'):
        discovered(job, [pod], tmp_path)
