import re

import numpy as np
import pytest

from service.http.doors import Asked, Content
from service.http.reception import Reception
from service.inference.question import Question
from tests.service.http.talk import JSON, ROW, Ask


def test_a_given_request_id_comes_back(ask: Ask) -> None:
    answer = ask("POST", "/predict", ROW, {**JSON, "X-Request-Id": "my-7!"})
    assert answer.headers["x-request-id"] == "my-7!"


@pytest.mark.parametrize("given", ["", "with space", "x" * 129, "ümlaut", "tab\there"])
def test_an_id_that_no_log_should_hold_is_replaced(ask: Ask, given: str) -> None:
    answer = ask("POST", "/predict", ROW, {**JSON, "X-Request-Id": given})
    assert answer.status == 200
    assert re.fullmatch(r"[0-9a-f]{12}-[0-9a-f]+", answer.headers["x-request-id"])


def test_every_request_has_an_id_of_its_own(ask: Ask) -> None:
    ids = {ask("POST", "/predict", ROW).headers["x-request-id"] for _ in range(5)}
    assert len(ids) == 5


@pytest.mark.parametrize("value", ["0", "-5", "+5", "1.5", "soon", "", "9" * 19, "9" * 5000])
def test_a_deadline_that_is_no_time_is_refused(ask: Ask, value: str) -> None:
    answer = ask("POST", "/predict", ROW, {**JSON, "X-Deadline-Ms": value})
    assert (answer.status, answer.error) == (
        400,
        "X-Deadline-Ms: expected whole milliseconds from 1 on, found another value",
    )


@pytest.mark.parametrize("value", ["5000", "9" * 18])
def test_an_answer_in_time_does_not_mind_its_deadline(ask: Ask, value: str) -> None:
    assert ask("POST", "/predict", ROW, {**JSON, "X-Deadline-Ms": value}).status == 200


NEVER = Asked(Question(np.zeros((1, 4), np.float32), frozenset()), lambda _: Content((), b""))


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
def test_the_nearest_deadline_counts_from_the_requests_arrival(
    server_ms: int | None, header: bytes | None, timeout_us: int | None, expected: int | None
) -> None:
    reception = Reception(deadline_ms=server_ms)
    headers = {} if header is None else {b"x-deadline-ms": header}
    question = reception.with_deadline(NEVER._replace(timeout_us=timeout_us), headers, 100)
    assert question.deadline_ns == expected


def test_two_receptions_give_ids_that_differ() -> None:
    ids = {Reception(deadline_ms=None).request_id({}) for _ in range(2)}
    assert len(ids) == 2
