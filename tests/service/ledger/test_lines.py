import pytest

from service.ledger.lines import line_of
from service.ledger.tables import requests
from tests.service.ledger.conftest import TIMING, entry, floats


def test_a_line_has_every_column() -> None:
    line = line_of(entry(gate_scale=floats(0, 1)), 7, 3, 2.5)
    assert set(line) == set(requests.c.keys())
    assert (line["sequence"], line["model"], line["weight"]) == (7, 3, 2.5)
    assert line["label"] == 1
    assert (line["unusual_gates"], line["unusual_confidence"]) == (0.5, 0.25)
    assert line["unusual_both"] == 0.125
    assert line["gate_scale"] == floats(0, 1)


def test_durations_become_microseconds() -> None:
    line = line_of(entry(), 1, 1, 1)
    phases = ("decode", "queue", "model", "encode", "total")
    assert [line[f"{phase}_us"] for phase in phases] == [1, 2, 3, 4, 10]


@pytest.mark.parametrize(("seconds", "expected"), [(2147, 2_147_000_000), (3600, 2**31 - 1)])
def test_a_duration_that_a_column_cannot_hold_is_cut(seconds: int, expected: int) -> None:
    timing = TIMING._replace(total=seconds * 10**9)
    assert line_of(entry(timing=timing), 1, 1, 1)["total_us"] == expected


def test_a_model_that_tells_nothing_unusual_leaves_it_open() -> None:
    line = line_of(entry(unusual=None), 1, 1, 1)
    signs = ("gates", "confidence", "both")
    assert [line[f"unusual_{sign}"] for sign in signs] == [None] * 3
