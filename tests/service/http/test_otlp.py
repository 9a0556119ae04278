import logging
import socket
import sys
import time
from threading import Event

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

from service import __version__
from service.http import otlp
from service.http.otlp import LimitedHandler, check_exports, resource, run_briefly
from service.settings import Settings, SettingsError, read_settings


def no_exporter(name: str, *_: object) -> None:
    if name.startswith("opentelemetry.exporter"):
        raise ModuleNotFoundError(name)


@pytest.mark.parametrize(
    ("setting", "variable"),
    [("traces", "HIGHWAY_TRACES"), ("otlp_metrics", "HIGHWAY_OTLP_METRICS")],
)
def test_an_export_without_opentelemetry_is_rejected(
    monkeypatch: pytest.MonkeyPatch, setting: str, variable: str
) -> None:
    check_exports(read_settings(**{setting: True}))
    # Only a package above it is installed: another distribution brings OpenTelemetry's interfaces.
    finder = type("Finder", (), {"find_spec": staticmethod(no_exporter)})
    monkeypatch.setattr(sys, "meta_path", [finder, *sys.meta_path])
    for name in [name for name in sys.modules if name.startswith("opentelemetry.exporter")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(SettingsError) as error:
        check_exports(read_settings(**{setting: True}))
    assert str(error.value) == (
        f"{variable}: OpenTelemetry is not installed; install the extra 'otel' or unset the "
        "variable"
    )
    check_exports(Settings())


def test_windows_has_no_lock_for_several_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "win32")
    check_exports(Settings(otlp_metrics=True))
    with pytest.raises(SettingsError) as error:
        check_exports(Settings(otlp_metrics=True, workers=2))
    assert str(error.value) == (
        "HIGHWAY_OTLP_METRICS: expected one worker on Windows, found more; set HIGHWAY_WORKERS=1, "
        "or scrape /metrics"
    )


def test_the_resource_names_the_service_unless_a_variable_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = resource().attributes
    assert found["service.name"] == "highway-networks"
    assert found["service.version"] == __version__
    assert str(found["service.instance.id"]).startswith(f"{socket.gethostname()}:")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=a,service.version=7,team=b")
    found = resource().attributes
    assert [found[f"service.{name}"] for name in ("name", "version")] == ["a", "7"]
    assert found["team"] == "b"
    monkeypatch.setenv("OTEL_SERVICE_NAME", "c")
    assert resource().attributes["service.name"] == "c"


def test_one_message_a_minute_is_logged_with_the_number_of_the_others(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = 100.0
    monkeypatch.setattr(otlp, "monotonic", lambda: now)
    logger = logging.Logger("opentelemetry.test")  # of the tree of no other logger
    logger.addHandler(LimitedHandler())
    for seconds in (0.0, 1.0, 59.9, 60.0, 61.0):
        now = 100.0 + seconds
        logger.error("failed at %g", seconds)
        logger.info("sent")
    assert [record.getMessage() for record in caplog.records] == [
        "failed at 0 (0 messages omitted before)",
        "failed at 60 (2 messages omitted before)",
    ]
    assert {record.levelname for record in caplog.records} == {"WARNING"}


def test_the_secret_in_a_malformed_header_is_not_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "Authorization: Bearer c2VjcmV0")
    logger, handler = logging.getLogger("opentelemetry"), LimitedHandler()
    monkeypatch.setattr(logger, "propagate", False)
    logger.addHandler(handler)
    try:
        OTLPSpanExporter()
    finally:
        logger.removeHandler(handler)
    assert [record.getMessage() for record in caplog.records] == [
        "a malformed header is not sent to the collector: OTEL_EXPORTER_OTLP_HEADERS, or the "
        "variable for one signal, must be a list such as NAME=VALUE,NAME=VALUE with URL-encoded "
        "values (0 messages omitted before)"
    ]


def test_a_last_export_takes_a_moment_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    done = Event()
    run_briefly(done.set)
    assert done.is_set()
    monkeypatch.setattr(otlp, "FLUSH_SECONDS", 0.1)
    hang = Event()
    began = time.monotonic()
    run_briefly(hang.wait, hang.wait, hang.wait, done.clear)
    assert time.monotonic() - began < 0.25  # for all together
    assert not done.is_set()
    hang.set()
