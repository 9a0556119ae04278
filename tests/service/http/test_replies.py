import pytest

from service.errors import (
    BodyError,
    BodyTooLargeError,
    DeadlineError,
    InputError,
    MediaTypeError,
    NotReadyError,
    QueueFullError,
    RequestError,
    UnknownModelError,
    UnsupportedError,
)
from service.http.replies import FAULT, STATUS, error_reply, reason_of, reply_to
from service.inference.counters import REASONS

JSON = (b"content-type", b"application/json")


def test_an_error_is_one_member_of_strict_json() -> None:
    reply = error_reply(405, 'method: expected "POST", found GET', {"Allow": "POST"})
    assert reply == (
        405,
        (JSON, (b"allow", b"POST")),
        b'{"error":"method: expected \\"POST\\", found GET"}',
    )


@pytest.mark.parametrize(
    ("kind", "status", "reason"),
    [
        (BodyError, 400, "bad_request"),
        (InputError, 400, "bad_request"),
        (UnknownModelError, 404, "bad_request"),
        (BodyTooLargeError, 413, "too_large"),
        (MediaTypeError, 415, "media_type"),
        (UnsupportedError, 501, "bad_request"),
        (NotReadyError, 503, "not_ready"),
        (DeadlineError, 504, "deadline"),
    ],
)
def test_a_request_error_is_told_in_its_own_words(
    kind: type[RequestError], status: int, reason: str
) -> None:
    assert reply_to(kind("a sentence")) == (status, (JSON,), b'{"error":"a sentence"}')
    assert reason_of(kind("a sentence")) == reason


def test_a_full_queue_says_when_to_come_again() -> None:
    error = QueueFullError("a sentence", retry_after=3)
    assert reply_to(error) == (429, (JSON, (b"retry-after", b"3")), b'{"error":"a sentence"}')
    assert reason_of(error) == "queue_full"


def test_every_kind_of_request_error_has_a_status_and_every_reason_a_counter() -> None:
    assert set(STATUS) == set(RequestError.__subclasses__())
    assert {reason for _, reason in (*STATUS.values(), FAULT)} <= set(REASONS)


def test_our_own_fault_is_500_without_its_text() -> None:
    error = ValueError("/SECRET/path")
    assert reply_to(error) == (
        500,
        (JSON,),
        b'{"error":"the server failed at this request; its log says why"}',
    )
    assert reason_of(error) == "fault"
