import numpy as np
import pytest

from models.data.dataset import Dataset, InputSpec, split
from models.errors import DataError

TABLE = InputSpec(kind="table", shape=(1,), unit="metre")


def hundred_rows(counts: tuple[int, ...] = (80, 20)) -> Dataset:
    y = np.repeat(np.arange(len(counts)), counts)
    x = np.arange(len(y), dtype=np.float32).reshape(-1, 1)
    labels = tuple("abc"[: len(counts)])
    return split(name="rows", input=TABLE, labels=labels, x=x, y=y)


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


def test_a_part_is_found_by_its_name() -> None:
    data = hundred_rows()
    assert data.part("validation") is data.validation


def test_an_image_has_as_many_features_as_pixels() -> None:
    assert InputSpec(kind="image", shape=(28, 28), unit="pixel").features == 784
