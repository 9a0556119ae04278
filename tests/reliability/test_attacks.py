import json

import pytest

from tests.reliability import attacks
from tests.reliability.attacks import MAX_ROWS, WORST, largest_body, late_null, quantile, worst_body
from tests.reliability.processes import BUNDLED, MIB, running
from tests.reliability.traffic import Reference


@pytest.fixture(scope="module")
def reference() -> Reference:
    return Reference(BUNDLED)


@pytest.mark.parametrize("name", WORST)
def test_a_worst_body_is_json_just_below_the_limit(name: str, reference: Reference) -> None:
    body = WORST[name](reference, MIB)
    assert 0.8 * MIB < len(body) < MIB
    assert isinstance(json.loads(body), dict)


def test_a_worst_body_has_no_more_rows_than_the_server_accepts(reference: Reference) -> None:
    assert len(json.loads(late_null(reference, 16 * MIB))["instances"]) == MAX_ROWS


def test_the_largest_body_is_the_largest_that_is_not_refused() -> None:
    with running(BUNDLED, settings={"HIGHWAY_MAX_BODY_BYTES": str(3 * MIB)}) as server:
        assert largest_body(server.port) == 2 * MIB


def test_an_attack_reports_both_throughputs_and_the_longest_pause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(attacks, "SECONDS", 0.5)
    outcome = worst_body(lambda _reference, _limit: b'{"instances": [[null]]}')
    statuses = outcome.figures["statuses"]
    assert isinstance(statuses, dict)
    assert list(statuses) == [400]
    assert float(str(outcome.figures["requests/s alone"])) > 0
    assert float(str(outcome.figures["ratio"])) > 0
    assert float(str(outcome.figures["slowest health ms"])) > 0
    assert "not alive afterwards" not in outcome.faults


def test_a_quantile_is_one_of_the_values() -> None:
    values = [float(i) for i in range(1, 101)]
    assert (quantile(values, 0.5), quantile(values, 0.99), quantile([3.0], 0.99)) == (50, 99, 3)
