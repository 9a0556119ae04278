"""The containers of the kustomizations run, with their volumes as the kubelet lays them out."""

import json
import urllib.error
import urllib.request
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from service.http.api_keys import new_key
from service.http.callers import Scope
from tests.deploy.manifests import container_of, kustomization, pod_of
from tests.deploy.pods import running, write_volume
from tests.service.conftest import METADATA, Recipe
from tests.service.serving import eventually, fetch, predict


def tiny(version: str) -> bytes:
    """Return a small artifact whose first label names its version."""
    labels = (f"label {version}", "b", "c")
    return Recipe(metadata=replace(METADATA, version=version, labels=labels)).build()


def test_a_new_config_map_is_served_without_a_restart_and_the_stop_fits_the_grace_period(
    tmp_path: Path,
) -> None:
    manifests = kustomization("overlays/configmap")
    container = container_of(manifests)
    volume = tmp_path / "volume"
    write_volume(volume, {"model.onnx": tiny("1")})
    (mount,) = container["volumeMounts"]
    container["env"].append({"name": "HIGHWAY_MODEL_POLL_SECONDS", "value": "0.1"})
    with running(container, {mount["mountPath"]: volume}) as pod:
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            pod.wait_until(probe)
        port = pod.port("http")
        assert predict(port)["model_version"] == "1"
        write_volume(volume, {"model.onnx": tiny("2")})
        eventually(lambda: bool(predict(port)["model_version"] == "2"))
        write_volume(volume, {"model.onnx": b"damaged"})
        eventually(lambda: 'outcome="refused"} 1.0' in fetch(port, "/metrics"))
        assert predict(port)["model_version"] == "2"
        grace = pod_of(manifests)["terminationGracePeriodSeconds"]
        sleep = container["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert pod.stop(grace - sleep) == 0


def test_the_production_container_reads_models_keys_and_ledger_from_its_volumes_and_secrets(
    tmp_path: Path, postgresql_url: str
) -> None:
    container = container_of(kustomization("overlays/production"))
    (tmp_path / "models/tiny/1").mkdir(parents=True)
    (tmp_path / "models/tiny/1/model.onnx").write_bytes(tiny("1"))
    token, key = new_key("ann", [Scope.PREDICT, Scope.INSPECT])
    old = f"Bearer {token}"
    write_volume(tmp_path / "keys", {"api-keys": f"{key.line}\n".encode()})
    mounts = {"/models": tmp_path / "models", "/run/highway": tmp_path / "keys"}
    assert {each["mountPath"] for each in container["volumeMounts"]} == set(mounts)

    def send(path: str, body: bytes | None = None) -> Any:
        headers = {"Content-Type": "application/json", "Authorization": old}
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, headers)
        with urllib.request.urlopen(request, timeout=5) as response:
            return json.load(response)

    def accepted(authorization: str) -> bool:
        url = f"http://127.0.0.1:{port}/v2"
        request = urllib.request.Request(url, headers={"Authorization": authorization})
        with suppress(urllib.error.HTTPError), urllib.request.urlopen(request, timeout=5):
            return True
        return False

    with running(container, mounts, {"highway-ledger": postgresql_url}) as pod:
        pod.wait_until("readinessProbe")  # without a key
        port = pod.port("http")
        with pytest.raises(urllib.error.HTTPError, match="401"):
            predict(port)
        assert send("/predict", b'{"instances": [[1, 0, 0, 0]]}')["model_version"] == "1"
        eventually(lambda: bool(send("/ledger")["written"] == 1))
        assert len(send("/requests")["requests"]) == 1
        token, key = new_key("bob", [Scope.PREDICT])
        write_volume(tmp_path / "keys", {"api-keys": f"{key.line}\n".encode()})
        eventually(lambda: accepted(f"Bearer {token}"))
        assert not accepted(old)
