"""Each file below deploy/ is an input of a validator or of a program that the tests run."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.compose_file import COMPOSE
from tests.deploy.manifests import CHART, KSERVE, KUBERNETES, OVERLAYS, documents, run
from tests.deploy.monitoring import CONFIGURATION, RULE_TESTS, RULES
from tests.deploy.programs import DEPLOY, ROOT, call
from tests.deploy.proxy import CONFIGURATION as NGINX
from tests.deploy.test_autoscaling import ADAPTER, SCRAPE
from tests.deploy.test_grafana import DASHBOARD, PROVISIONED
from tests.deploy.test_hadolint import DOCKERFILES
from tests.deploy.test_helm import EXAMPLES, options
from tests.deploy.test_kubernetes import MODELS_VOLUME

# By tests/image, tests/reliability/audit.py and test_ray_application.py.
ELSEWHERE = ("image/build.sh", "image/bill.txt", "ray/serve.yaml")
LS_FILES = ("git", "ls-files", "--cached", "--others", "--exclude-standard", DEPLOY)


def kustomized() -> Iterator[Path]:
    """Yield the files that kubectl renders."""
    for folder in map(KUBERNETES.joinpath, OVERLAYS):
        yield folder / "kustomization.yaml"
        (root,) = documents((folder / "kustomization.yaml").read_text())
        names = [*root["resources"], *(patch["path"] for patch in root.get("patches", []))]
        yield from (folder / name for name in names if name.endswith(".yaml"))


def charted() -> Iterator[Path]:
    """Yield the files that Helm reads; some example values render each template."""
    yield from EXAMPLES
    names = ("Chart.yaml", "values.yaml", "values.schema.json", ".helmignore")
    yield from (CHART / name for name in names)
    yield from (CHART / "templates" / name for name in ("NOTES.txt", "_helpers.tpl"))
    for values in (None, *EXAMPLES):
        done = run("helm", "template", "highway", CHART, *options(values))
        for name in re.findall(r"^# Source: highway-networks/(\S+)$", done.stdout, re.MULTILINE):
            yield CHART / name


@pytest.fixture(scope="module")
def validated() -> set[Path]:
    return {
        *(COMPOSE.glob("*.yaml")),
        *(COMPOSE / name for name in ("prepare", ".env.example", ".gitignore")),
        *(NGINX, CONFIGURATION, RULES, RULE_TESTS, DASHBOARD, *PROVISIONED),
        *(ADAPTER, SCRAPE, MODELS_VOLUME, *kustomized()),
        *KSERVE.glob("*.yaml"),
        *charted(),
        *(path for path in DOCKERFILES if path.is_relative_to(DEPLOY)),
        *DEPLOY.rglob("*.py"),  # by mypy and ruff
        *(DEPLOY / name for name in ELSEWHERE),
    }


def files(*more: str) -> set[Path]:
    """Return all files that are or may be committed, and others by their names in deploy/."""
    names = call(*LS_FILES, cwd=ROOT).stdout.splitlines()
    return {path for path in map(ROOT.joinpath, names) if path.exists()} | {
        DEPLOY / name for name in more
    }


def test_every_file_is_read_by_a_validator(validated: set[Path]) -> None:
    assert files() == validated


@pytest.mark.parametrize(
    "name",
    [
        "kubernetes/base/role.yaml",
        "kubernetes/overlays/staging/kustomization.yaml",
        "kserve/more/inference-service.yaml",
        "helm/highway-networks/templates/role.yaml",
        "helm/highway-networks/README.md",
        "prometheus/more.yaml",
        "grafana/dashboards/other.json",
        "compose/nginx/mime.types",
        "image/install.sh",
    ],
)
def test_a_file_that_no_validator_reads_is_found(validated: set[Path], name: str) -> None:
    assert files(name) - validated == {DEPLOY / name}
