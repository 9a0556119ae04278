from pathlib import Path

import pytest
from pydantic import ValidationError

from service.settings import Settings, SettingsError, read_settings


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIGHWAY_PORT", "9000")
    monkeypatch.setenv("HIGHWAY_MODEL", "other.onnx")
    settings = read_settings()
    assert (settings.port, settings.model) == (9000, Path("other.onnx"))


def test_no_signature_is_asked_for_unless_a_key_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_settings().public_key is None
    monkeypatch.setenv("HIGHWAY_PUBLIC_KEY", "public.pem")
    assert read_settings().public_key == Path("public.pem")


def test_the_command_line_comes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIGHWAY_PORT", "9000")
    assert read_settings(port=9001, host=None).port == 9001


def test_without_a_word_the_bundled_model_is_served_to_this_machine_alone() -> None:
    settings = Settings()
    assert settings.model.name == "digits.onnx"
    assert settings.model.is_file()
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("HIGHWAY_PORT", "99999", "expected less than or equal to 65535"),
        (
            "HIGHWAY_PORT",
            "http",
            "expected a valid integer, unable to parse string as an integer",
        ),
        ("HIGHWAY_MAX_ROWS", "0", "expected greater than or equal to 1"),
        ("HIGHWAY_LOG_LEVEL", "loud", "expected 'debug', 'info', 'warning' or 'error'"),
        ("HIGHWAY_MAX_BODY_BYTES", "0", "expected greater than or equal to 1"),
        ("HIGHWAY_QUEUE_ROWS", "0", "expected greater than or equal to 1"),
        ("HIGHWAY_RUN_ROWS", "65537", "expected less than or equal to 65536"),
        ("HIGHWAY_DEADLINE_MS", "0", "expected greater than or equal to 1"),
        ("HIGHWAY_WORKERS", "257", "expected less than or equal to 256"),
        ("HIGHWAY_THREADS", "0", "expected greater than or equal to 1"),
        ("HIGHWAY_DRAIN_SECONDS", "-1", "expected greater than or equal to 0"),
        ("HIGHWAY_ACCESS_LOG_SHARE", "1.5", "expected less than or equal to 1"),
        ("HIGHWAY_ACCESS_LOG_SHARE", "nan", "expected less than or equal to 1"),
        ("HIGHWAY_LEDGER_RATE", "0", "expected greater than or equal to 1"),
        ("HIGHWAY_LEDGER_DAYS", "0", "expected greater than 0"),
        ("HIGHWAY_LEDGER_ROWS", "0", "expected greater than or equal to 1"),
        (
            "HIGHWAY_LEDGER_URL",
            "mysql://me:secret@host/base",
            "expected off, sqlite:///FILE or postgresql://USER:PASSWORD@HOST:PORT/DATABASE, found "
            "another",
        ),
        ("HIGHWAY_LOG_FORMAT", "xml", "expected 'text' or 'json'"),
        (
            "HIGHWAY_TRACES",
            "maybe",
            "expected a valid boolean, unable to interpret input",
        ),
    ],
)
def test_a_value_that_cannot_be_used_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as error:
        read_settings()
    assert str(error.value) == f"{name}: {message}; correct the variable"


@pytest.mark.parametrize("name", ["HIGHWAY_PREDICT_ROUTE", "HIGHWAY_HEALTH_ROUTE"])
@pytest.mark.parametrize("path", ["", "/", "ping", "/a b", "/{name}", "/a?b", "/a#b", "/ping\n"])
def test_a_platforms_path_that_is_none_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, path: str
) -> None:
    monkeypatch.setenv(name, path)
    with pytest.raises(SettingsError) as error:
        read_settings()
    assert str(error.value) == (
        f"{name}: String should match pattern '^/[\\w./:-]+$'; correct the variable"
    )


@pytest.mark.parametrize("name", ["HIGHWAY_PREDICT_ROUTE", "HIGHWAY_HEALTH_ROUTE"])
@pytest.mark.parametrize(
    "path",
    [
        *("/predict", "/explain", "/v2", "/v2/models/x/infer", "/v1/models/x", "/metrics"),
        *("/requests", "/requests/7", "/requests.parquet", "/ledger", "/drift", "//a", "/a/../b"),
    ],
)
def test_a_platforms_path_that_leads_elsewhere_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, path: str
) -> None:
    monkeypatch.setenv(name, path)
    with pytest.raises(SettingsError) as error:
        read_settings()
    assert str(error.value) == (
        f"{name}: expected a path that is free, not /predict or /explain or /v1/models or /v2 or "
        "/metrics or /openapi.json or /requests or /requests.parquet or /ledger or /drift; correct "
        "the variable"
    )


@pytest.mark.parametrize("path", ["/ping", "/v1/endpoints/12-3:predict", "/größe"])
def test_a_platforms_path_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setenv("HIGHWAY_PREDICT_ROUTE", path)
    assert read_settings().predict_route == path


def test_a_queue_must_hold_the_largest_request() -> None:
    with pytest.raises(SettingsError) as error:
        read_settings(queue_rows=10, max_rows=11)
    assert str(error.value) == (
        "expected HIGHWAY_QUEUE_ROWS of at least HIGHWAY_MAX_ROWS, 11, found 10"
    )
    assert read_settings(queue_rows=11, max_rows=11).queue_rows == 11


def test_unless_told_a_request_has_no_deadline_and_a_platform_no_paths() -> None:
    settings = Settings()
    assert (settings.deadline_ms, settings.predict_route, settings.health_route) == (None,) * 3
    assert (settings.workers, settings.threads) == (1, None)


def test_every_setting_says_what_it_is_for() -> None:
    assert all(field.description for field in Settings.model_fields.values())


def test_settings_do_not_change_once_read() -> None:
    with pytest.raises(ValidationError):
        Settings().port = 1  # type: ignore[misc]
