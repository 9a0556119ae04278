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
        ("HIGHWAY_MAX_CONNECTIONS", "0", "expected at least 1"),
        ("HIGHWAY_MAX_INFLIGHT_BYTES", "0", "expected at least 1"),
        ("HIGHWAY_KEEP_ALIVE_SECONDS", "0", "expected at least 1"),
        ("HIGHWAY_SEND_SECONDS", "0", "expected more than 0"),
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
        ("HIGHWAY_LEDGER_INPUTS", "1", "expected 'atypical', 'all' or 'none'"),
        ("HIGHWAY_LEDGER_INPUTS", "true", "expected 'atypical', 'all' or 'none'"),
        ("HIGHWAY_LEDGER_ATYPICAL", "1.5", "expected at most 1"),
        ("HIGHWAY_LEDGER_INPUT_BYTES", "0", "expected at least 1"),
        ("HIGHWAY_LEDGER_INPUT_DAYS", "0", "expected more than 0"),
        ("HIGHWAY_LEDGER_RATE", "1e7", "expected at most 1000000"),
        ("HIGHWAY_TRACES", "maybe", "expected true or false"),
        ("HIGHWAY_OTLP_METRICS", "maybe", "expected true or false"),
        ("HIGHWAY_OTLP_METRICS_SECONDS", "0", "expected more than 0"),
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


@pytest.mark.parametrize(
    "name", ["HIGHWAY_PREDICT_ROUTE", "HIGHWAY_HEALTH_ROUTE", "HIGHWAY_ROOT_PATH"]
)
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


@pytest.mark.parametrize(
    "name", ["HIGHWAY_PREDICT_ROUTE", "HIGHWAY_HEALTH_ROUTE", "HIGHWAY_ROOT_PATH"]
)
@pytest.mark.parametrize(
    "path",
    [
        *("/predict", "/explain", "/v2", "/v2/models/x/infer", "/v1/models/x", "/metrics"),
        *("/requests", "/requests/7", "/requests.parquet", "/ledger", "/drift"),
        *("/what-if", "/inspector/x", "/docs"),
    ],
)
def test_an_additional_path_must_be_free(
    monkeypatch: pytest.MonkeyPatch, name: str, path: str
) -> None:
    monkeypatch.setenv(name, path)
    with pytest.raises(SettingsError) as error:
        read_settings()
    assert str(error.value) == (
        f"{name}: expected a free path; used by the server: /predict, /explain, /what-if, "
        "/inspector, /docs, /v1/models, /v2, /metrics, /openapi.json, /requests, "
        "/requests.parquet, /ledger, /drift"
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


def test_the_memory_for_bodies_must_hold_two_of_the_largest() -> None:
    with pytest.raises(SettingsError) as error:
        read_settings(max_body_bytes=10, max_inflight_bytes=19)
    assert str(error.value) == (
        "HIGHWAY_MAX_INFLIGHT_BYTES: expected at least twice HIGHWAY_MAX_BODY_BYTES (10), found 19"
    )
    assert read_settings(max_body_bytes=10, max_inflight_bytes=20).max_inflight_bytes == 20


def test_by_default_there_is_no_deadline_and_no_additional_path() -> None:
    settings = Settings()
    assert (settings.deadline_ms, settings.predict_route, settings.health_route) == (None,) * 3
    assert (settings.workers, settings.threads) == (1, None)


def test_every_setting_has_a_description() -> None:
    assert all(field.description for field in Settings.model_fields.values())


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("HIGHWAY_PUBLICKEY", "did you mean HIGHWAY_PUBLIC_KEY"),
        ("highway_publickey", "did you mean HIGHWAY_PUBLIC_KEY"),
        ("HIGHWAY_API_KEY", "did you mean HIGHWAY_API_KEYS"),
        ("HIGHWAY_MAX_ROW", "did you mean HIGHWAY_MAX_ROWS"),
        ("HIGHWAY_XYZ", "docs/settings.md lists all settings"),
        ("HIGHWAY_", "docs/settings.md lists all settings"),
    ],
)
def test_an_unknown_variable_is_rejected_with_the_nearest_name(
    monkeypatch: pytest.MonkeyPatch, name: str, hint: str
) -> None:
    monkeypatch.setenv(name, "x")
    with pytest.raises(SettingsError) as error:
        read_settings()
    assert str(error.value) == f"{name}: expected the name of a setting, found another; {hint}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HIGHWAY_TEST_REQUIRE_ALL", "1"),
        ("HIGHWAY_CLIENT_KEY", "hwk_x"),  # of `highway predict`
        ("Highway_Port", "9000"),  # pydantic ignores case
        ("HIGHWAYS", "x"),
        # Kubernetes adds these for services named "highway" and "highway-networks".
        ("HIGHWAY_SERVICE_HOST", "10.0.0.1"),
        ("HIGHWAY_SERVICE_PORT_HTTP", "80"),
        ("HIGHWAY_PORT_8000_TCP", "tcp://10.0.0.1:8000"),
        ("HIGHWAY_PORT_8000_TCP_ADDR", "10.0.0.1"),
        ("HIGHWAY_NETWORKS_SERVICE_PORT", "8000"),
        ("HIGHWAY_NETWORKS_PORT", "tcp://10.0.0.1:8000"),
        ("HIGHWAY_NETWORKS_PORT_8000_TCP_PROTO", "tcp"),
    ],
)
def test_variables_of_others_are_accepted(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    read_settings()


@pytest.mark.parametrize(
    "value", ["", "a,,b", "a b", "models.example.com:80", "https://a", "[::1]:80", "*.example.com"]
)
def test_allowed_hosts_are_names(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("HIGHWAY_ALLOWED_HOSTS", value)
    with pytest.raises(SettingsError) as error:
        read_settings()
    assert str(error.value) == (
        "HIGHWAY_ALLOWED_HOSTS: expected names without ports, separated by commas, such as "
        "models.example.com,[::1]; or *"
    )


@pytest.mark.parametrize(
    "value", ["", "app.example.com", "https://a/", "https://a, https://b", "null", "https://*.a.b"]
)
def test_cors_origins_are_origins(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("HIGHWAY_CORS_ORIGINS", value)
    with pytest.raises(SettingsError) as error:
        read_settings()
    assert str(error.value) == (
        "HIGHWAY_CORS_ORIGINS: expected origins without a path, separated by commas, such as "
        "https://app.example.com; or *"
    )


def test_lists_of_hosts_and_origins_are_accepted() -> None:
    hosts, origins = "a.example.com,[2001:db8::1],10.0.0.1", "https://a:8443,http://[::1]"
    settings = read_settings(allowed_hosts=hosts, cors_origins=origins)
    assert (settings.allowed_hosts, settings.cors_origins) == (hosts, origins)


def test_a_prefix_is_ascii_because_requests_have_it_as_bytes() -> None:
    with pytest.raises(SettingsError) as error:
        read_settings(root_path="/größe")
    assert str(error.value) == (
        "HIGHWAY_ROOT_PATH: expected a path of ASCII letters, such as /models, found '/größe'"
    )
    assert read_settings(root_path="/team/models-2").root_path == "/team/models-2"


def test_the_path_prefix_does_not_begin_a_path_of_the_server() -> None:
    with pytest.raises(SettingsError) as error:
        read_settings(root_path="/v1")
    assert str(error.value) == (
        "HIGHWAY_ROOT_PATH: expected another path: the server has /v1/models, found /v1"
    )
    assert read_settings(root_path="/v10").root_path == "/v10"


@pytest.mark.parametrize("route", ["/team/models", "/team/models/ping"])
@pytest.mark.parametrize("name", ["predict_route", "health_route"])
def test_an_additional_path_is_not_below_the_prefix(name: str, route: str) -> None:
    with pytest.raises(SettingsError) as error:
        read_settings(root_path="/team/models", **{name: route})
    assert str(error.value) == (
        f"HIGHWAY_{name.upper()}: expected a path without the prefix HIGHWAY_ROOT_PATH "
        f"(/team/models), found {route}"
    )
    assert read_settings(root_path="/team/models", **{name: "/team/modelsx"}).root_path


@pytest.mark.parametrize(
    ("value", "found"),
    [
        *(
            ("", ""),
            ("10.0.0.1,", ""),
            ("proxy", "proxy"),
            ("*", "*"),
            ("10.0.0.1/8", "10.0.0.1/8"),
        ),
        *(("10.0.0.1, 10.0.0.2", " 10.0.0.2"), ("10.0.0.1:80", "10.0.0.1:80"), ("[::1]", "[::1]")),
    ],
)
def test_trusted_proxies_are_addresses_and_networks(value: str, found: str) -> None:
    with pytest.raises(SettingsError) as error:
        read_settings(trusted_proxies=value)
    assert str(error.value) == (
        "HIGHWAY_TRUSTED_PROXIES: expected addresses or networks, separated by commas, such as "
        f"10.0.0.0/8,192.168.1.7; found {found!r}"
    )
    assert read_settings(trusted_proxies="10.0.0.0/8,::1").trusted_proxies == "10.0.0.0/8,::1"


def test_a_private_key_needs_its_certificate() -> None:
    with pytest.raises(SettingsError) as error:
        read_settings(tls_key="key.pem")
    assert str(error.value) == (
        "HIGHWAY_TLS_CERTIFICATE: expected the certificate of HIGHWAY_TLS_KEY, found none"
    )


def test_settings_are_immutable() -> None:
    with pytest.raises(ValidationError):
        Settings().port = 1  # type: ignore[misc]


@pytest.mark.parametrize("name", ["PORT", "HEALTH_PORT", "GRPC_PORT"])
def test_the_port_that_kubernetes_sets_for_a_service_is_ignored(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(f"HIGHWAY_{name}", "tcp://10.0.0.1:80")
    settings = read_settings()
    assert (settings.port, settings.health_port, settings.grpc_port) == (8000, None, None)


def test_the_two_additional_paths_must_differ() -> None:
    with pytest.raises(SettingsError) as error:
        read_settings(predict_route="/x", health_route="/x")
    assert str(error.value) == (
        "HIGHWAY_HEALTH_ROUTE: expected another path than HIGHWAY_PREDICT_ROUTE, found the same"
    )
