import logging

import pytest

from service.http.access_log import AccessLog
from service.inference.statistics import Timing
from service.observers import RequestEvent
from tests.service.conftest import METADATA

MILLISECOND = 1_000_000


def event(status: int = 200, timing: Timing | None = None) -> RequestEvent:
    return RequestEvent(
        "predict", METADATA, {b"cookie": b"SECRET"}, "id-1", status, 2, 0, 3 * MILLISECOND, timing
    )


def test_a_line_has_id_model_status_and_times_but_nothing_of_headers_and_body(
    caplog: pytest.LogCaptureFixture,
) -> None:
    timing = Timing(MILLISECOND, 2 * MILLISECOND, 500_000, 1000, 3 * MILLISECOND, 7)
    with caplog.at_level(logging.INFO, "service.access"):
        AccessLog(1).observe(event(timing=timing))
    (line,) = caplog.records
    assert line.getMessage() == "id-1: status 200, 2 rows of tiny in 3.000 ms"
    fields = vars(line)
    assert {name: fields[name] for name in ("request_id", "model", "version", "rows")} == {
        "request_id": "id-1",
        "model": "tiny",
        "version": "1",
        "rows": 2,
    }
    assert [
        fields[f"{phase}_ms"] for phase in ("decode", "queue", "compute", "encode", "total")
    ] == [*(1.0, 2.0, 0.5, 0.001, 3.0)]
    assert fields["batch_rows"] == 7
    assert "SECRET" not in str(fields)


def test_a_rejected_request_has_no_phases(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "service.access"):
        AccessLog(1).observe(event(status=400))
    assert "decode_ms" not in vars(caplog.records[0])


@pytest.mark.parametrize(("share", "wanted"), [(0.0, 0), (1.0, 1000)])
def test_a_share_of_0_selects_none_and_of_1_all(share: float, wanted: int) -> None:
    assert sum(AccessLog(share).wants(200, METADATA, None) for _ in range(1000)) == wanted


def test_the_share_is_selected_at_random() -> None:
    wanted = sum(AccessLog(0.1).wants(200, METADATA, None) for _ in range(10_000))
    assert 800 < wanted < 1200  # 1,000 expected, 30 the standard deviation


def test_server_errors_are_always_selected() -> None:
    assert AccessLog(0).wants(500, METADATA, None)
    assert AccessLog(0).wants(503, METADATA, None)
    assert not AccessLog(0).wants(499, METADATA, None)
