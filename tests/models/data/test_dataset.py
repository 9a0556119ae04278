import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.data.dataset import Dataset, InputSpec, Labelled, Part, split
from models.errors import DataError

TABLE = InputSpec(kind="table", shape=(1,), unit="metre")


def labelled(counts: tuple[int, ...] = (80, 20), *, test: Part | None = None) -> Labelled:
    y = np.repeat(np.arange(len(counts)), counts)
    x = np.arange(len(y), dtype=np.float32).reshape(-1, 1)
    labels = tuple("abc"[: len(counts)])
    return Labelled(name="rows", input=TABLE, labels=labels, rows=Part(x=x, y=y), test=test)


def hundred_rows(counts: tuple[int, ...] = (80, 20)) -> Dataset:
    return split(labelled(counts))


def test_a_tenth_of_the_rows_is_held_out_for_validation_and_a_tenth_for_the_test() -> None:
    data = hundred_rows()
    assert [len(part) for part in (data.train, data.validation, data.test)] == [80, 10, 10]


def test_every_part_holds_every_labels_share() -> None:
    data = hundred_rows()
    for part, expected in [(data.train, 16), (data.validation, 2), (data.test, 2)]:
        assert int((part.y == 1).sum()) == expected


def test_every_row_is_in_exactly_one_part_with_its_own_label() -> None:
    data = hundred_rows()
    parts = (data.train, data.validation, data.test)
    values = np.concatenate([part.x[:, 0] for part in parts])
    labels = np.concatenate([part.y for part in parts])
    assert sorted(values.tolist()) == list(range(100))
    assert np.array_equal(labels, (values >= 80).astype(int))


def test_the_split_is_the_same_every_time() -> None:
    assert hundred_rows().digest() == hundred_rows().digest()


def test_the_digest_tells_other_rows_apart() -> None:
    assert hundred_rows((80, 20)).digest() != hundred_rows((70, 30)).digest()


def test_a_label_too_rare_for_three_parts_is_named() -> None:
    with pytest.raises(DataError) as error:
        hundred_rows((60, 38, 2))
    assert str(error.value) == (
        "rows: expected at least 3 rows of each label, one for each part of the split, "
        "found 2 of label 'c'"
    )


@pytest.mark.parametrize(("share", "expected"), [(0, [90, 0, 10]), (0.3, [60, 30, 10])])
def test_the_validation_has_the_share_that_is_asked_for(share: float, expected: list[int]) -> None:
    data = split(labelled(), validation_share=share)
    assert [len(part) for part in (data.train, data.validation, data.test)] == expected


def test_the_datas_own_test_is_kept() -> None:
    own = Part(x=np.array([[7.5]], np.float32), y=np.array([1]))
    data = split(labelled(test=own), validation_share=0)
    assert data.test is own
    assert (len(data.train), len(data.validation)) == (100, 0)


def test_a_label_needs_no_more_rows_than_there_are_parts_to_cut() -> None:
    own = Part(x=np.array([[7.5]], np.float32), y=np.array([1]))
    data = split(labelled((99, 1), test=own), validation_share=0)
    assert int((data.train.y == 1).sum()) == 1


def test_a_single_label_leaves_nothing_to_tell_apart() -> None:
    with pytest.raises(DataError) as error:
        hundred_rows((100,))
    assert str(error.value) == "rows: expected at least 2 labels to tell apart, found only 'a'"


def test_a_part_is_found_by_its_name() -> None:
    data = hundred_rows()
    assert data.part("validation") is data.validation


def test_an_image_has_as_many_features_as_pixels() -> None:
    assert InputSpec(kind="image", shape=(28, 28), unit="pixel").features == 784


@given(
    st.lists(st.integers(3, 40), min_size=2, max_size=6),
    st.sampled_from([0.0, 0.02, 0.1, 0.3, 0.5]),
)
def test_however_rare_a_label_is_every_part_has_it(counts: list[int], share: float) -> None:
    y = np.repeat(np.arange(len(counts)), counts)
    rows = Part(x=np.arange(len(y), dtype=np.float32).reshape(-1, 1), y=y)
    labels = tuple("abcdef"[: len(counts)])
    data = split(
        Labelled(name="rows", input=TABLE, labels=labels, rows=rows), validation_share=share
    )
    parts = [part for part in (data.train, data.validation, data.test) if len(part)]
    assert len(parts) == 2 + (share > 0)
    for part in parts:
        assert set(part.y.tolist()) == set(range(len(counts)))
    values = np.concatenate([part.x[:, 0] for part in parts])
    assert sorted(values.tolist()) == list(range(len(y)))
