"""Prometheus with the files of deploy/, queries to it, and the metrics that an expression names."""

import json
import re
import shutil
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks.serving.servers import free_port
from tests.deploy.programs import DEPLOY, call, listens, program, running, substitute

PROMETHEUS = DEPLOY / "prometheus"
RULES, CONFIGURATION = PROMETHEUS / "rules.yaml", PROMETHEUS / "prometheus.yaml"
RULE_TESTS = PROMETHEUS / "rules_test.yaml"
NODE_EXPORTER = "prometheus-node-exporter"  # the package and the program

# Not names of metrics: selectors, strings, durations, lists of labels, functions and operators.
_BRACES = re.compile(r'\{(?:[^{}"]|"(?:[^"\\]|\\.)*")*\}|"(?:[^"\\]|\\.)*"|\[[^\]]*\]')
_LABELS = re.compile(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
_NAME = re.compile(r"[a-zA-Z_:][\w:]*(?![\w:]*\s*\()")
_OPERATORS = {"and", "or", "unless", "bool", "offset", "by", "without", "on", "ignoring"}


class QueryError(ValueError):
    """Prometheus refuses an expression; the message is its own."""


@dataclass(frozen=True)
class Prometheus:
    """A running server."""

    port: int

    def get(self, path: str, **parameters: str) -> Any:
        """Return the data of an answer of the API; raise `QueryError` if it refuses a query."""
        query = urllib.parse.urlencode(parameters)
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{query}"
        try:
            with urllib.request.urlopen(url, timeout=10) as response:
                return json.load(response)["data"]
        except urllib.error.HTTPError as error:
            with error:
                if error.code != 400:  # it is starting
                    raise
                raise QueryError(json.load(error)["error"]) from error

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the series of an instant query, each with `metric` and `value`."""
        result: list[dict[str, Any]] = self.get("query", query=expression)["result"]
        return result

    def names(self) -> set[str]:
        """Return the names of all metrics that were scraped."""
        return set(self.get("label/__name__/values"))

    def firing(self) -> set[str]:
        """Return the names of the alerts that fire."""
        alerts = self.get("alerts")["alerts"]
        return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}


def promtool(*words: str | Path) -> tuple[int, str]:
    """Return the exit code and all output of Prometheus' own validator."""
    done = call(program("promtool", "prometheus"), *words)
    return done.returncode, done.stdout + done.stderr


def metrics_in(expression: str) -> set[str]:
    """Return the names of the metrics in an expression of PromQL."""
    plain = _LABELS.sub(" ", _BRACES.sub(" ", expression))
    plain = re.sub(r"(?<![\w:])[\d.]+(e-?\d+)?", " ", plain)
    return set(_NAME.findall(plain)) - _OPERATORS


def unknown_metrics(expressions: Sequence[str], names: set[str]) -> set[str]:
    """Return the metrics in the expressions that no target has."""
    return set().union(*map(metrics_in, expressions)) - names


def rules(file: Path = RULES) -> list[dict[str, Any]]:
    """Return all alerts."""
    return [rule for group in yaml.safe_load(file.read_text())["groups"] for rule in group["rules"]]


@contextmanager
def scraping(folder: Path, *replicas: int) -> Iterator[Prometheus]:
    """Run Prometheus on the replicas and an exporter each second, with the rules of deploy/."""
    port, node = free_port(), free_port()
    shutil.copy(RULES, folder)
    file = folder / CONFIGURATION.name
    file.write_text(
        substitute(
            CONFIGURATION.read_text(),
            {
                "scrape_interval: 10s": "scrape_interval: 1s",
                "scrape_timeout: 5s": "scrape_timeout: 1s",
                "evaluation_interval: 10s": "evaluation_interval: 1s",
                "service-1:8000": f"127.0.0.1:{replicas[0]}",
                "service-2:8000": f"127.0.0.1:{replicas[1]}",
                "node-exporter:9100": f"127.0.0.1:{node}",
                "localhost:9090": f"127.0.0.1:{port}",
            },
        )
    )
    prometheus = Prometheus(port)

    def scraped() -> bool:
        with suppress(OSError, QueryError):
            return len(prometheus.query("up == 1")) == 4
        return False

    exporter = (
        *(program(NODE_EXPORTER), f"--web.listen-address=127.0.0.1:{node}"),
        *("--collector.disable-defaults", "--collector.filesystem"),
    )
    server = (
        *(program("prometheus"), f"--config.file={file}"),
        *(f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address=127.0.0.1:{port}"),
    )
    with (
        running(folder / "exporter.log", lambda: listens(node), *exporter),
        running(folder / "log", scraped, *server),
    ):
        yield prometheus
