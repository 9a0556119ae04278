from pathlib import Path

import pytest

from models.errors import RunError
from models.search.config import SamplerName
from models.search.space import Numbers
from models.search.study import JOURNAL, Study
from models.search.trial import Outcome


def study(out: Path, *, sampler: SamplerName = "random", seed: int = 0) -> Study:
    return Study(out, sampler=sampler, seed=seed, plain=False)


def drawn(opened: Study, trials: int) -> dict[int, Numbers]:
    """Try all trials, one after another; the loss of a trial is its learning rate."""
    tried = {}
    while (asked := opened.ask(trials)) is not None:
        trial, number, tried[number] = asked
        opened.tell(trial, Outcome(loss=trial.params["learning_rate"], accuracy=0.5))
    return tried


def searched(out: Path, trials: int, *, seed: int = 0) -> dict[int, Numbers]:
    out.mkdir()
    with study(out, seed=seed) as opened:
        return drawn(opened, trials)


def test_the_seed_decides_every_trials_numbers(tmp_path: Path) -> None:
    first, again = (searched(tmp_path / name, 4) for name in ("first", "again"))
    other = searched(tmp_path / "other", 4, seed=1)
    assert first == again
    assert not {str(numbers) for numbers in first.values()} & {str(n) for n in other.values()}
    assert len({str(numbers) for numbers in first.values()}) == 4


def test_trials_searched_draw_what_trials_one_after_another_draw(tmp_path: Path) -> None:
    expected = searched(tmp_path / "one", 3)
    with study(tmp_path) as opened:
        asked = [opened.ask(3) for _ in range(3)]
        assert opened.ask(3) is None
    assert {found[1]: found[2] for found in asked if found is not None} == expected


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_a_trial_left_open_is_tried_again_with_its_numbers(
    tmp_path: Path, sampler: SamplerName
) -> None:
    with study(tmp_path, sampler=sampler) as opened:
        begun = [opened.ask(4) for _ in range(2)]
        assert begun[0] is not None
        assert begun[1] is not None
        opened.tell(begun[1][0], Outcome(loss=0.3, accuracy=0.9))
    with study(tmp_path, sampler=sampler) as opened:
        assert [record.number for record in opened.records()] == [1]
        again = drawn(opened, 4)
        assert list(again) == [0, 2, 3]
        assert again[0] == begun[0][2]
        assert [record.number for record in opened.records()] == [0, 1, 2, 3]


def test_more_trials_go_on_where_fewer_ended(tmp_path: Path) -> None:
    expected = searched(tmp_path / "five", 5)
    with study(tmp_path) as opened:
        few = drawn(opened, 2)
    with study(tmp_path) as opened:
        assert few | drawn(opened, 5) == expected


def test_a_failed_trial_is_over_and_keeps_its_reason(tmp_path: Path) -> None:
    with study(tmp_path) as opened:
        asked = opened.ask(1)
        assert asked is not None
        opened.tell(asked[0], Outcome(reason="epoch 1: expected a finite loss, found nan"))
    with study(tmp_path) as opened:
        assert opened.ask(1) is None
        (record,) = opened.records()
        assert record.failed
        assert record.outcome.reason == "epoch 1: expected a finite loss, found nan"


def test_tpe_looks_where_earlier_trials_were_good(tmp_path: Path) -> None:
    with study(tmp_path, sampler="tpe") as opened:
        tried = drawn(opened, 30)
    rates = [float(numbers["learning_rate"]) for numbers in tried.values()]
    assert sum(rates[20:]) < sum(rates[:10]) / 2  # the loss is the rate


def test_half_a_line_and_a_lock_of_a_killed_process_do_no_harm(tmp_path: Path) -> None:
    with study(tmp_path) as opened:
        drawn(opened, 2)
    with (tmp_path / JOURNAL).open("a") as journal:
        journal.write('{"op_code": 4, "wor')
    (tmp_path / f"{JOURNAL}.lock").symlink_to(tmp_path / JOURNAL)
    with study(tmp_path) as opened:
        assert list(drawn(opened, 3)) == [2]


def test_a_search_that_is_running_is_not_begun_twice(tmp_path: Path) -> None:
    with study(tmp_path), pytest.raises(RunError) as caught, study(tmp_path):
        pass
    assert str(caught.value) == (
        f"{tmp_path}: expected a search that is not running, found another process at work on it; "
        "wait for its end, or choose another --out"
    )


@pytest.mark.parametrize("content", ["no JSON\n", "[]\n", '{"op_code": 4}\n', '{"op_code": 99}\n'])
def test_a_journal_of_something_else_is_one_sentence(tmp_path: Path, content: str) -> None:
    (tmp_path / JOURNAL).write_text(content)
    with pytest.raises(RunError) as caught, study(tmp_path):
        pass
    assert str(caught.value) == (
        f"{tmp_path / JOURNAL}: expected the journal of a search, found something else; "
        "put the file back, or choose another --out"
    )
