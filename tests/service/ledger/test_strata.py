from dataclasses import replace

import numpy as np
import pytest

from service.contract import PROBABILITIES, TYPICALITY
from service.ledger import strata as strata_module
from service.ledger.strata import (
    ATYPICAL,
    LOW_CONFIDENCE,
    ORDINARY,
    RARE_LABEL,
    VERY_ATYPICAL,
    LabelCounts,
    Stratification,
)
from tests.service.conftest import METADATA


def outputs(*rows: tuple[float, float], label: int = 0) -> dict[str, np.ndarray]:
    """Return outputs of rows, each with the p-values of its confidence and of both combined."""
    probabilities = np.zeros((len(rows), 3), np.float32)
    probabilities[:, label] = 1
    typicality = np.array([[0, confidence, combined] for confidence, combined in rows], np.float32)
    return {PROBABILITIES: probabilities, TYPICALITY: typicality}


@pytest.mark.parametrize(
    ("confidence", "combined", "expected"),
    [
        (0.9, 0.5, ORDINARY),
        (0.051, 0.0101, ORDINARY),
        (0.05, 0.5, LOW_CONFIDENCE),
        (0.9, 0.01, ATYPICAL),
        (0.01, 0.005, ATYPICAL),
        (0.9, 0.0001, VERY_ATYPICAL),
        (0.9, 1e-9, VERY_ATYPICAL),
        (float("nan"), float("nan"), ORDINARY),
    ],
)
def test_a_row_belongs_to_the_first_stratum_whose_rule_it_meets(
    confidence: float, combined: float, expected: int
) -> None:
    strata = Stratification(0.01).strata(outputs((confidence, combined)), METADATA)
    assert list(strata) == [expected]


def test_all_rows_of_a_batch_have_their_stratum() -> None:
    batch = outputs((0.9, 0.5), (0.03, 0.5), (0.9, 0.005), (0.9, float("nan")), (0.9, 1e-6))
    assert list(Stratification(0.01).strata(batch, METADATA)) == [
        *(ORDINARY, LOW_CONFIDENCE, ATYPICAL, ORDINARY, VERY_ATYPICAL)
    ]


def test_the_threshold_of_atypical_rows_can_be_chosen() -> None:
    batch = outputs((0.9, 0.2), (0.9, 0.0021))
    assert list(Stratification(0.2).strata(batch, METADATA)) == [ATYPICAL, ATYPICAL]
    assert list(Stratification(0).strata(batch, METADATA)) == [ORDINARY, ORDINARY]


def rare(counts: LabelCounts, *labels: int) -> list[bool]:
    """Return whether the labels of a batch were rare."""
    found = counts.rare(np.array(labels))
    return [False] * len(labels) if found is None else found.tolist()


def test_a_label_of_less_than_one_percent_of_the_rows_is_rare() -> None:
    counts = LabelCounts(3)
    assert rare(counts, 0, 1) == [False, False]  # of no rows, no label is rare
    rare(counts, *[0] * 398)  # 1 of 400
    assert rare(counts, 1, 0, 2) == [True, False, True]
    rare(counts, *[1] * 40)
    assert rare(counts, 1, 0, 2) == [False, False, True]


def test_among_many_labels_a_rare_one_has_less_than_a_tenth_of_an_equal_share() -> None:
    counts = LabelCounts(1000)
    rare(counts, *range(1000))
    assert not any(rare(counts, *range(1000)))


def test_labels_of_single_rows_are_counted_together() -> None:
    counts = LabelCounts(2)
    rare(counts, *[0] * 10_000)
    for _ in range(256):
        assert rare(counts, 1) == [True]
    assert rare(counts, 1) == [False]  # 256 of 10,256


def test_older_labels_have_less_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strata_module, "MEMORY_ROWS", 1000)
    counts = LabelCounts(2)
    rare(counts, *[1] * 20)
    assert rare(counts, 1) == [False]
    for _ in range(5):
        rare(counts, *[0] * 1000)
    assert rare(counts, 1) == [True]


def test_a_rare_label_comes_before_low_confidence_and_after_an_atypical_row() -> None:
    stratification = Stratification(0.01)
    stratification.strata(outputs(*[(0.9, 0.5)] * 200), METADATA)
    batch = outputs((0.03, 0.5), (0.9, 0.005), label=2)
    assert list(stratification.strata(batch, METADATA)) == [RARE_LABEL, ATYPICAL]


def test_each_model_has_its_own_rare_labels() -> None:
    stratification = Stratification(0.01)
    stratification.strata(outputs(*[(0.9, 0.5)] * 200), METADATA)
    other = replace(METADATA, version="2", labels=("x", "y", "z"))
    assert list(stratification.strata(outputs((0.9, 0.5), label=2), other)) == [ORDINARY]
