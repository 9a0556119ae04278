from service.drift.windows import WEEK_SECONDS, WINDOWS, Span

FIVE_MINUTES, HOUR, DAY = WINDOWS


def test_windows_are_five_minutes_an_hour_and_a_day() -> None:
    assert [window.name for window in WINDOWS] == ["5m", "1h", "1d"]
    assert [window.slots * window.seconds for window in WINDOWS] == [300, 3600, 86400]


def test_a_window_is_judged_once_for_each_slot_of_a_week() -> None:
    assert [window.looks_a_week for window in WINDOWS] == [20160, 2016, 168]
    assert WEEK_SECONDS == 20160 * 30


def test_a_slot_is_numbered_from_1970() -> None:
    assert [HOUR.slot(now) for now in (0, 299.9, 300, 900)] == [0, 0, 1, 3]


def test_a_window_ends_with_the_last_slot_that_was_over_a_second_ago() -> None:
    assert FIVE_MINUTES.span(3000.5) == Span(89, 99)
    assert FIVE_MINUTES.span(3001.5) == Span(90, 100)
    assert FIVE_MINUTES.span(3030.5) == Span(90, 100)
