import re

import pytest

from service.http.request_policy import RequestPolicy
from tests.service.http.transport import JSON, ROW, Send


def test_a_valid_request_id_is_returned(send: Send) -> None:
    response = send("POST", "/predict", ROW, {**JSON, "X-Request-Id": "my-7!"})
    assert response.headers["x-request-id"] == "my-7!"


@pytest.mark.parametrize("given", ["", "with space", "x" * 129, "ümlaut", "tab\there"])
def test_an_id_that_is_not_safe_to_log_is_replaced(send: Send, given: str) -> None:
    response = send("POST", "/predict", ROW, {**JSON, "X-Request-Id": given})
    assert response.status == 200
    assert re.fullmatch(r"[0-9a-f]{12}-[0-9a-f]+", response.headers["x-request-id"])


def test_every_request_gets_a_unique_id(send: Send) -> None:
    ids = {send("POST", "/predict", ROW).headers["x-request-id"] for _ in range(5)}
    assert len(ids) == 5


@pytest.mark.parametrize("value", ["0", "-5", "+5", "1.5", "soon", "", "9" * 19, "9" * 5000])
def test_an_invalid_deadline_is_rejected(send: Send, value: str) -> None:
    response = send("POST", "/predict", ROW, {**JSON, "X-Deadline-Ms": value})
    assert (response.status, response.error) == (
        400,
        "X-Deadline-Ms: expected a positive integer of milliseconds",
    )


@pytest.mark.parametrize("value", ["5000", "9" * 18])
def test_a_deadline_that_is_met_changes_nothing(send: Send, value: str) -> None:
    assert send("POST", "/predict", ROW, {**JSON, "X-Deadline-Ms": value}).status == 200


@pytest.mark.parametrize(
    ("server_ms", "header", "timeout_us", "expected"),
    [
        (None, None, None, None),
        (None, None, 0, None),
        (20, None, None, 20_000_100),
        (20, b"5", None, 5_000_100),
        (20, b"50", 3000, 3_000_100),
        (None, None, 1, 1_100),
        (2, b"50", 3000, 2_000_100),
    ],
)
def test_the_earliest_deadline_counts_from_the_arrival_of_the_request(
    server_ms: int | None, header: bytes | None, timeout_us: int | None, expected: int | None
) -> None:
    policy = RequestPolicy(deadline_ms=server_ms)
    headers = {} if header is None else {b"x-deadline-ms": header}
    assert policy.deadline_ns(headers, 100, timeout_us) == expected


def test_two_policies_assign_different_ids() -> None:
    ids = {RequestPolicy(deadline_ms=None).request_id({}) for _ in range(2)}
    assert len(ids) == 2
