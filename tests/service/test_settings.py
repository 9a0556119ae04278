from pathlib import Path

import pytest

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
    ],
)
def test_a_value_that_cannot_be_used_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as error:
        read_settings()
    assert str(error.value) == f"{name}: {message}; correct the variable"
