"""Each status of an error response has its code."""

import pytest

from service.grpc.library import grpc
from service.grpc.status import CODES, trailing_metadata
from service.http.error_responses import STATUS


def test_every_status_of_an_error_has_a_code() -> None:
    statuses = {status for status, _ in STATUS.values()}
    assert statuses == set(CODES)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "INVALID_ARGUMENT"),
        (401, "UNAUTHENTICATED"),
        (403, "PERMISSION_DENIED"),
        (404, "NOT_FOUND"),
        (409, "FAILED_PRECONDITION"),
        (413, "RESOURCE_EXHAUSTED"),
        (415, "UNIMPLEMENTED"),
        (421, "PERMISSION_DENIED"),
        (429, "RESOURCE_EXHAUSTED"),
        (501, "UNIMPLEMENTED"),
        (503, "UNAVAILABLE"),
        (504, "DEADLINE_EXCEEDED"),
    ],
)
def test_a_status_has_the_code_that_clients_expect(status: int, code: str) -> None:
    assert CODES[status] is grpc.StatusCode[code]


def test_headers_become_metadata_without_the_media_type() -> None:
    headers = ((b"content-type", b"application/json"), (b"retry-after", b"1"))
    assert trailing_metadata(headers) == (("retry-after", "1"),)
