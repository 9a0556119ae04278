import pytest

from benchmarks.ledger.simulation import NAMES, ROWS, simulate


def test_a_simulation_compares_weights_and_rows_of_each_stratum_and_of_all() -> None:
    *strata, overall = simulate(bursts=5)
    assert [bias.stratum for bias in strata] == list(NAMES)
    assert sum(bias.rows for bias in strata) == overall.rows == 5 * ROWS
    assert overall.kept == 5 * 50
    for bias in (*strata, overall):
        assert bias.weights == pytest.approx(bias.rows)
        assert 0 <= bias.p_value <= 1
    very_atypical, ordinary = strata[0], strata[-1]
    assert very_atypical.share > 0.9 > 0.1 > ordinary.share
