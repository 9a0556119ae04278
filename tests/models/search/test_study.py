from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from models.errors import RunError
from models.search.config import SamplerName, TrialSettings
from models.search.study import JOURNAL, Outcome, Study, open_study
from tests.models.search.conftest import search_config


def study(
    out: Path, *, sampler: SamplerName = "random", seed: int = 0
) -> AbstractContextManager[Study]:
    return open_study(out, search_config(sampler, seed))


def drawn(opened: Study, trials: int) -> dict[int, TrialSettings]:
    """Run all trials one after another, with the learning rate as their loss."""
    tried = {}
    while (started := opened.start_trial(trials)) is not None:
        trial, number, tried[number] = started
        opened.finish_trial(trial, Outcome(loss=trial.params["learning_rate"], accuracy=0.5))
    return tried


def searched(out: Path, trials: int, *, seed: int = 0) -> dict[int, TrialSettings]:
    out.mkdir()
    with study(out, seed=seed) as opened:
        return drawn(opened, trials)


def test_the_seed_determines_the_settings_of_every_trial(tmp_path: Path) -> None:
    first, again = (searched(tmp_path / name, 4) for name in ("first", "again"))
    other = searched(tmp_path / "other", 4, seed=1)
    assert first == again
    assert not {str(settings) for settings in first.values()} & {str(n) for n in other.values()}
    assert len({str(settings) for settings in first.values()}) == 4


def test_parallel_trials_have_the_settings_of_sequential_ones(tmp_path: Path) -> None:
    expected = searched(tmp_path / "one", 3)
    with study(tmp_path) as opened:
        started = [opened.start_trial(3) for _ in range(3)]
        assert opened.start_trial(3) is None
    assert {trial[1]: trial[2] for trial in started if trial is not None} == expected


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_an_interrupted_trial_is_repeated_with_its_settings(
    tmp_path: Path, sampler: SamplerName
) -> None:
    with study(tmp_path, sampler=sampler) as opened:
        open_trials = [opened.start_trial(4) for _ in range(2)]
        assert open_trials[0] is not None
        assert open_trials[1] is not None
        opened.finish_trial(open_trials[1][0], Outcome(loss=0.3, accuracy=0.9))
    with study(tmp_path, sampler=sampler) as opened:
        assert [record.number for record in opened.records()] == [1]
        again = drawn(opened, 4)
        assert list(again) == [0, 2, 3]
        assert again[0] == open_trials[0][2]
        assert [record.number for record in opened.records()] == [0, 1, 2, 3]


def test_a_search_can_be_extended_by_more_trials(tmp_path: Path) -> None:
    expected = searched(tmp_path / "five", 5)
    with study(tmp_path) as opened:
        few = drawn(opened, 2)
    with study(tmp_path) as opened:
        assert few | drawn(opened, 5) == expected


def test_a_failed_trial_is_not_repeated_and_keeps_its_reason(tmp_path: Path) -> None:
    with study(tmp_path) as opened:
        started = opened.start_trial(1)
        assert started is not None
        opened.finish_trial(
            started[0], Outcome(reason="epoch 1: expected a finite loss, found nan")
        )
    with study(tmp_path) as opened:
        assert opened.start_trial(1) is None
        (record,) = opened.records()
        assert record.failed
        assert record.outcome.reason == "epoch 1: expected a finite loss, found nan"


def test_tpe_samples_near_the_best_trials(tmp_path: Path) -> None:
    with study(tmp_path, sampler="tpe") as opened:
        tried = drawn(opened, 30)
    rates = [float(settings["learning_rate"]) for settings in tried.values()]
    assert sum(rates[20:]) < sum(rates[:10]) / 2  # the loss is the rate


def test_an_incomplete_line_and_a_stale_lock_are_removed(tmp_path: Path) -> None:
    with study(tmp_path) as opened:
        drawn(opened, 2)
    with (tmp_path / JOURNAL).open("a") as journal:
        journal.write('{"op_code": 4, "wor')
    (tmp_path / f"{JOURNAL}.lock").symlink_to(tmp_path / JOURNAL)
    with study(tmp_path) as opened:
        assert list(drawn(opened, 3)) == [2]


def test_a_running_search_cannot_be_started_again(tmp_path: Path) -> None:
    with study(tmp_path), pytest.raises(RunError) as caught, study(tmp_path):
        pass
    assert str(caught.value) == (
        f"{tmp_path}: another process is running this search; wait for it, or choose another --out"
    )


@pytest.mark.parametrize("content", ["no JSON\n", "[]\n", '{"op_code": 4}\n', '{"op_code": 99}\n'])
def test_another_file_in_place_of_the_journal_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / JOURNAL).write_text(content)
    with pytest.raises(RunError) as caught, study(tmp_path):
        pass
    assert str(caught.value) == (
        f"{tmp_path / JOURNAL}: not the journal of a search; restore the file, or choose another "
        "--out"
    )
