import pytest

from service.http.static_response import accepts_gzip


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("", False),
        ("gzip", True),
        ("GZip", True),
        ("br, gzip;q=0.1", True),
        ("deflate, gzip;q=1.0, *;q=0.5", True),
        ("gzip;q=0", False),
        ("gzip ; q = 0.000", False),
        ("*", True),
        ("*;q=0", False),
        ("gzip;q=0, *", False),
        ("identity", False),
        ("identity;q=0, *", True),
        ("br", False),
        ("x-gzip-like", False),
        ("gzip;q=1.2.3", False),
        ("gzip;level=9", False),
        (";,;", False),
    ],
)
def test_gzip_is_sent_only_to_clients_that_accept_it(header: str, accepted: bool) -> None:
    assert accepts_gzip(header) is accepted
