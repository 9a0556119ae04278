import random

from service.settings import BUNDLED_MODEL
from tests.service.conftest import Recipe
from tests.service.model_mutations import check_mutations, mutate

TINY = Recipe().build()


def test_a_mutated_file_is_refused_in_time_or_computes_the_same() -> None:
    report = check_mutations([TINY, TINY, TINY, BUNDLED_MODEL.read_bytes()], 300)
    assert report.refused_by_rules > 200
    assert report.refused_by_rules + report.refused_in_trial + report.unchanged == 300
    assert len(report.sentences) > 50


def test_mutations_reach_every_part_of_the_file_and_repeat_with_their_seed() -> None:
    first, again = (
        [mutate(TINY, numbers) for _ in range(100)]
        for numbers in (random.Random(1), random.Random(1))
    )
    assert first == again
    assert len(set(first)) > 95
