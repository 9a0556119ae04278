from models.outcome import Outcome
from models.scores import Scores
from tests.models.conftest import BASELINE, GOOD, scores


def warnings(
    test: Scores, *, validation: Scores | None = None, balanced: bool = False
) -> list[str]:
    outcome = Outcome(test=test, validation=validation, baseline=BASELINE)
    return list(outcome.warnings(balanced=balanced))


def test_a_good_network_has_no_warning() -> None:
    assert warnings(GOOD) == []


def test_an_accuracy_that_may_be_that_of_a_constant_prediction_is_a_warning() -> None:
    poor = scores(((5, 1), (1, 5)), interval=(0.6, 0.9))
    assert warnings(poor) == [
        "the accuracy is not certainly above 60.00%, that of always predicting 'yes'"
    ]
    assert warnings(poor, balanced=True) == []


def test_labels_that_are_never_predicted_are_named() -> None:
    rare = scores(((9, 0), (1, 0)))
    assert warnings(rare) == [
        "never predicted on validation or test rows: 'label 1'; try --class-weight balanced"
    ]
    assert warnings(rare, validation=GOOD) == []
    assert warnings(rare, balanced=True) == [
        "never predicted on validation or test rows: 'label 1'"
    ]


def test_at_most_five_labels_that_are_never_predicted_are_named() -> None:
    many = scores(tuple((1, 0, 0, 0, 0, 0, 0, 0) for _ in range(8)))
    (warning,) = warnings(many)
    assert "'label 5' and 2 more; try" in warning
    assert "'label 6'" not in warning
