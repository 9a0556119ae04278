from pathlib import Path

import pytest
from pydantic import ValidationError

from service.settings import Settings, SettingsError, read_settings


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIGHWAY_PORT", "9000")
    monkeypatch.setenv("HIGHWAY_MODEL", "other.onnx")
    settings = read_settings()
    assert (settings.port, settings.model) == (9000, Path("other.onnx"))


def test_no_signature_is_required_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_settings().public_key is None
    monkeypatch.setenv("HIGHWAY_PUBLIC_KEY", "public.pem")
    assert read_settings().public_key == Path("public.pem")


def test_given_values_take_precedence_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIGHWAY_PORT", "9000")
    assert read_settings(port=9001, host=None).port == 9001


def test_by_default_the_bundled_model_is_served_to_this_machine_only() -> None:
    settings = Settings()
    assert settings.model.name == "digits.onnx"
    assert settings.model.is_file()
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("HIGHWAY_PORT", "99999", "expected at most 65535"),
        ("HIGHWAY_PORT", "http", "expected an integer"),
        ("HIGHWAY_MAX_ROWS", "0", "expected at least 1"),
        ("HIGHWAY_LOG_LEVEL", "loud", "expected 'debug', 'info', 'warning' or 'error'"),
        ("HIGHWAY_MAX_BODY_BYTES", "0", "expected at least 1"),
        ("HIGHWAY_MAX_QUEUE_ROWS", "0", "expected at least 1"),
        ("HIGHWAY_MAX_BATCH_ROWS", "65537", "expected at most 65536"),
        ("HIGHWAY_DEADLINE_MS", "0", "expected at least 1"),
        ("HIGHWAY_WORKERS", "257", "expected at most 256"),
        ("HIGHWAY_THREADS", "0", "expected at least 1"),
        ("HIGHWAY_DRAIN_SECONDS", "-1", "expected at least 0"),
        ("HIGHWAY_ACCESS_LOG_SHARE", "1.5", "expected at most 1"),
        ("HIGHWAY_ACCESS_LOG_SHARE", "nan", "expected at most 1"),
        ("HIGHWAY_LEDGER_RATE", "0", "expected at least 1"),
        ("HIGHWAY_LEDGER_DAYS", "0", "expected more than 0"),
        ("HIGHWAY_LEDGER_ROWS", "0", "expected at least 1"),
        ("HIGHWAY_LOG_FORMAT", "xml", "expected 'text' or 'json'"),
        ("HIGHWAY_LEDGER_RATE", "1e7", "expected at most 1000000"),
        ("HIGHWAY_TRACES", "maybe", "expected true or false"),
    ],
)
def test_an_invalid_value_is_rejected_with_its_variable_and_what_was_expected(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as error:
        read_settings()
    assert str(error.value) == f"{name}: {message}, found {value!r}"


def test_the_password_of_an_invalid_database_url_is_not_repeated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HIGHWAY_LEDGER_URL", "mysql://me:SECRET@host/base")
    with pytest.raises(SettingsError, match="HIGHWAY_LEDGER_URL: ") as error:
        read_settings()
    assert "SECRET" not in str(error.value)


@pytest.mark.parametrize("name", ["HIGHWAY_PREDICT_ROUTE", "HIGHWAY_HEALTH_ROUTE"])
@pytest.mark.parametrize(
    "path",
    ["", "/", "ping", "/a b", "/{name}", "/a?b", "/a#b", "/ping\n", "//a", "/a/", "/a/../b"],
)
def test_an_additional_path_must_be_a_plain_path(
    monkeypatch: pytest.MonkeyPatch, name: str, path: str
) -> None:
    monkeypatch.setenv(name, path)
    with pytest.raises(SettingsError) as error:
        read_settings()
    assert str(error.value) == (
        f"{name}: expected a path of letters, digits and ._:-, such as /ping"
    )


@pytest.mark.parametrize("name", ["HIGHWAY_PREDICT_ROUTE", "HIGHWAY_HEALTH_ROUTE"])
@pytest.mark.parametrize(
    "path",
    [
        *("/predict", "/explain", "/v2", "/v2/models/x/infer", "/v1/models/x", "/metrics"),
        *("/requests", "/requests/7", "/requests.parquet", "/ledger", "/drift"),
    ],
)
def test_an_additional_path_must_be_free(
    monkeypatch: pytest.MonkeyPatch, name: str, path: str
) -> None:
    monkeypatch.setenv(name, path)
    with pytest.raises(SettingsError) as error:
        read_settings()
    assert str(error.value) == (
        f"{name}: expected a free path; used by the server: /predict, /explain, /v1/models, /v2, "
        "/metrics, /openapi.json, /requests, /requests.parquet, /ledger, /drift"
    )


@pytest.mark.parametrize("path", ["/ping", "/v1/endpoints/12-3:predict", "/größe"])
def test_an_additional_path_is_accepted_unchanged(
    monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setenv("HIGHWAY_PREDICT_ROUTE", path)
    assert read_settings().predict_route == path


def test_the_queue_must_hold_the_largest_request() -> None:
    with pytest.raises(SettingsError) as error:
        read_settings(max_queue_rows=10, max_rows=11)
    assert str(error.value) == (
        "HIGHWAY_MAX_QUEUE_ROWS: expected at least HIGHWAY_MAX_ROWS (11), found 10"
    )
    assert read_settings(max_queue_rows=11, max_rows=11).max_queue_rows == 11


def test_by_default_there_is_no_deadline_and_no_additional_path() -> None:
    settings = Settings()
    assert (settings.deadline_ms, settings.predict_route, settings.health_route) == (None,) * 3
    assert (settings.workers, settings.threads) == (1, None)


def test_every_setting_has_a_description() -> None:
    assert all(field.description for field in Settings.model_fields.values())


def test_settings_are_immutable() -> None:
    with pytest.raises(ValidationError):
        Settings().port = 1  # type: ignore[misc]
