import pytest

from deploy.ray.configuration import read_config, replica_settings
from service.settings import SettingsError


def test_a_user_config_of_another_form_is_a_sentence() -> None:
    with pytest.raises(SettingsError, match=r"^user_config\.file: .*; expected the one member"):
        read_config({"file": "a.onnx"})


def test_a_replica_has_no_ledger_and_takes_any_host_by_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("HIGHWAY_LEDGER_URL", raising=False)
    assert replica_settings().ledger_url == "off"
    assert replica_settings().allowed_hosts == "*"


def test_the_environment_can_name_a_ledger_and_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIGHWAY_LEDGER_URL", "sqlite:////tmp/ledger.db")
    monkeypatch.setenv("HIGHWAY_ALLOWED_HOSTS", "models.example.com")
    assert replica_settings().ledger_url == "sqlite:////tmp/ledger.db"
    assert replica_settings().allowed_hosts == "models.example.com"
