"""Hosts, origins and API keys in front of the application: Ray's proxy checks none of them."""

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from deploy.ray.access import AccessMiddleware
from service.classifier import Classifier
from service.http.access import Scope, create_access
from service.http.api_keys import new_key
from service.settings import Settings
from tests.service.conftest import Recipe, application

ROW = {"instances": [[1, 0, 0, 0]]}


def protected(root_path: str = "", **settings: Any) -> TestClient:
    app = application(Classifier(Recipe().build()), **settings)
    access = create_access(Settings(**{"allowed_hosts": "*", **settings}))
    app.add_middleware(AccessMiddleware, access=access)
    return TestClient(app, root_path=root_path, raise_server_exceptions=False)


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, str]:
    token, key = new_key("ci", [Scope.PREDICT])
    path = tmp_path / "keys"
    path.write_text(f"{key.line}\n")
    return path, token


def test_a_request_without_a_key_is_refused_with_a_sentence(keys: tuple[Path, str]) -> None:
    with protected(api_keys=keys[0]) as client:
        response = client.post("/predict", json=ROW)
    assert response.status_code == 401
    assert response.json() == {
        "error": "API key: expected one in the header Authorization or X-API-Key, found none"
    }


def test_a_key_opens_the_paths_of_its_scope_only(keys: tuple[Path, str]) -> None:
    path, token = keys
    with protected(api_keys=path) as client:
        bearer = {"Authorization": f"Bearer {token}"}
        assert client.post("/predict", json=ROW, headers=bearer).status_code == 200
        assert client.get("/drift", headers=bearer).status_code == 403


def test_health_needs_no_key(keys: tuple[Path, str]) -> None:
    with protected(api_keys=keys[0]) as client:
        assert client.get("/v2/health/ready").status_code == 200


def test_a_route_prefix_of_ray_hides_no_path_from_the_rules(keys: tuple[Path, str]) -> None:
    with protected("/digits", api_keys=keys[0]) as client:
        assert client.get("/digits/v2/health/ready").status_code == 200
        assert client.post("/digits/predict", json=ROW).status_code == 401


def test_only_the_named_hosts_are_served() -> None:
    with protected(allowed_hosts="models.example.com") as client:
        named = {"Host": "models.example.com"}
        assert client.post("/predict", json=ROW, headers=named).status_code == 200
        assert client.post("/predict", json=ROW).status_code == 421


def test_an_allowed_origin_gets_its_header_also_with_an_error() -> None:
    with protected(cors_origins="https://app.example.com") as client:
        page = {"Origin": "https://app.example.com"}
        for row in ([1, 0, 0, 0], [1]):
            response = client.post("/predict", json={"instances": [row]}, headers=page)
            assert response.headers["access-control-allow-origin"] == page["Origin"]
        other = client.post("/predict", json=ROW, headers={"Origin": "https://evil.example.com"})
        assert other.status_code == 403
