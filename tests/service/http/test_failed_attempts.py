import pytest

from service.http.failed_attempts import MAX_ADDRESSES, MAX_ATTEMPTS, FailedAttempts


def test_the_eleventh_attempt_in_a_minute_has_to_wait() -> None:
    attempts = FailedAttempts()
    assert [attempts.add("10.0.0.1", 1000) for _ in range(MAX_ATTEMPTS)] == [None] * 10
    assert attempts.add("10.0.0.1", 1020.5) == 40
    assert attempts.add("10.0.0.2", 1020.5) is None
    assert attempts.add("10.0.0.1", 1060) is None


@pytest.mark.parametrize(
    ("first", "second"),
    [("2001:db8::1", "2001:db8::ffff:2"), ("::ffff:10.0.0.1", "::ffff:a00:1"), ("", "")],
)
def test_the_addresses_of_a_client_are_counted_together(first: str, second: str) -> None:
    attempts = FailedAttempts()
    for _ in range(MAX_ATTEMPTS):
        assert attempts.add(first, 0) is None
    assert attempts.add(second, 0) is not None


@pytest.mark.parametrize(
    ("first", "second"),
    [("2001:db8::1", "2001:db8:0:1::1"), ("::ffff:10.0.0.1", "::ffff:10.0.0.2")],
)
def test_different_networks_are_counted_apart(first: str, second: str) -> None:
    attempts = FailedAttempts()
    for _ in range(MAX_ATTEMPTS):
        assert attempts.add(first, 0) is None
    assert attempts.add(second, 0) is None


def test_memory_is_bounded_and_the_oldest_address_is_forgotten() -> None:
    attempts = FailedAttempts()
    for number in range(3 * MAX_ADDRESSES):
        attempts.add(f"10.0.{number // 256}.{number % 256}", 0)
    assert len(attempts._windows) == MAX_ADDRESSES
    assert next(iter(attempts._windows)) == "10.0.8.0"
