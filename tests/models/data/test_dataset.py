import hashlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.data.dataset import Dataset, LabelledData, Part, Schema, part_sizes, split
from models.errors import DataError
from service.contract import Column, Input

TABLE = Input(kind="table", shape=(1,), unit="metre")


def labelled(counts: tuple[int, ...] = (80, 20), *, test: Part | None = None) -> LabelledData:
    y = np.repeat(np.arange(len(counts)), counts)
    x = np.arange(len(y), dtype=np.float32).reshape(-1, 1)
    labels = tuple("abc"[: len(counts)])
    return LabelledData(name="rows", input=TABLE, labels=labels, rows=Part(x=x, y=y), test=test)


def hundred_rows(counts: tuple[int, ...] = (80, 20)) -> Dataset:
    return split(labelled(counts))


def test_validation_and_test_each_hold_out_a_tenth_of_the_rows() -> None:
    data = hundred_rows()
    assert [len(part) for part in (data.train, data.validation, data.test)] == [80, 10, 10]


def test_the_split_is_stratified_by_label() -> None:
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


def test_the_split_is_deterministic() -> None:
    assert hundred_rows().digest() == hundred_rows().digest()


def test_other_rows_have_another_digest() -> None:
    assert hundred_rows((80, 20)).digest() != hundred_rows((70, 30)).digest()


def test_the_digest_of_numbers_and_categories_is_that_of_older_releases() -> None:
    columns = (Column(name="n"), Column(name="kind", categories=("a", "b")))
    row = Input(kind="table", shape=(2,), unit="value", columns=columns)
    one = Part(x=np.zeros((1, 2), np.float32), y=np.zeros(1, np.int64))
    data = Dataset(name="t", input=row, labels=("a",), train=one, validation=one, test=one)
    sha256 = hashlib.sha256(
        b"(('a',), (Column(name='n', categories=()), Column(name='kind', categories=('a', 'b'))))"
    )
    for _ in range(3):
        sha256.update(bytes(8))
        sha256.update(bytes(8))
    assert data.digest() == sha256.hexdigest()


@pytest.mark.parametrize("column", [Column(name="n", unit="kg"), Column(name="n", date="iso")])
def test_a_unit_and_a_date_change_the_digest(column: Column) -> None:
    data = hundred_rows()
    plain, declared = (
        replace(data, input=replace(TABLE, columns=(each,))).digest()
        for each in (Column(name="n"), column)
    )
    assert plain != declared


@given(
    counts=st.lists(st.integers(10, 40), min_size=2, max_size=3),
    share=st.sampled_from([0.0, 0.1, 0.3]),
)
def test_the_sizes_of_the_parts_are_known_before_the_split(counts: list[int], share: float) -> None:
    data = labelled(tuple(counts))
    parts = split(data, validation_share=share)
    assert part_sizes(data, validation_share=share) == {
        "train": len(parts.train),
        "validation": len(parts.validation),
        "test": len(parts.test),
    }


def test_a_label_too_rare_for_three_parts_is_refused() -> None:
    with pytest.raises(DataError) as error:
        hundred_rows((60, 38, 2))
    assert str(error.value) == (
        "rows: expected at least 3 rows of each label, one for each part of the split, "
        "found 2 of label 'c'"
    )


@pytest.mark.parametrize(("share", "expected"), [(0, [90, 0, 10]), (0.3, [60, 30, 10])])
def test_the_validation_share_is_configurable(share: float, expected: list[int]) -> None:
    data = split(labelled(), validation_share=share)
    assert [len(part) for part in (data.train, data.validation, data.test)] == expected


def test_the_datas_own_test_rows_are_kept() -> None:
    own = Part(x=np.array([[7.5]], np.float32), y=np.array([1]))
    data = split(labelled(test=own), validation_share=0)
    assert data.test is own
    assert (len(data.train), len(data.validation)) == (100, 0)


def test_the_datas_own_validation_rows_are_kept_whatever_the_share() -> None:
    own = Part(x=np.array([[7.5]], np.float32), y=np.array([1]))
    for share in (0, 0.3):
        data = split(replace(labelled(), validation=own), validation_share=share)
        assert data.validation is own
        assert (len(data.train), len(data.test)) == (90, 10)


def test_notes_on_how_the_data_was_read_survive_the_split() -> None:
    assert split(replace(labelled(), notes=("read",))).notes == ("read",)


def test_a_label_needs_only_one_row_for_each_part() -> None:
    own = Part(x=np.array([[7.5]], np.float32), y=np.array([1]))
    data = split(labelled((99, 1), test=own), validation_share=0)
    assert int((data.train.y == 1).sum()) == 1


def test_data_with_a_single_label_is_refused() -> None:
    with pytest.raises(DataError) as error:
        hundred_rows((100,))
    assert str(error.value) == "rows: expected at least 2 labels, found only 'a'"


def test_a_part_is_selected_by_name() -> None:
    data = hundred_rows()
    assert data.part("validation") is data.validation


@given(
    st.lists(st.integers(3, 40), min_size=2, max_size=6),
    st.sampled_from([0.0, 0.02, 0.1, 0.3, 0.5]),
)
def test_every_part_has_every_label_however_rare(counts: list[int], share: float) -> None:
    y = np.repeat(np.arange(len(counts)), counts)
    rows = Part(x=np.arange(len(y), dtype=np.float32).reshape(-1, 1), y=y)
    labels = tuple("abcdef"[: len(counts)])
    unsplit = LabelledData(name="rows", input=TABLE, labels=labels, rows=rows)
    data = split(unsplit, validation_share=share)
    parts = [part for part in (data.train, data.validation, data.test) if len(part)]
    assert len(parts) == 2 + (share > 0)
    for part in parts:
        assert set(part.y.tolist()) == set(range(len(counts)))
    values = np.concatenate([part.x[:, 0] for part in parts])
    assert sorted(values.tolist()) == list(range(len(y)))


IMAGE = Input(kind="image", shape=(1, 2), unit="pixel", low=0, high=255)
PETS = Input(
    kind="table",
    shape=(2,),
    unit="value",
    columns=(Column(name="age"), Column(name="kind", categories=("cat", "dog"))),
)
SCHEMA = Schema(input=IMAGE, labels=("a", "b", "c"))


def part(*labels: int) -> Part:
    return Part(x=np.zeros((len(labels), 2), np.float32), y=np.array(labels, np.int64))


def further(
    labels: tuple[str, ...], *, row: Input = IMAGE, test: Part | None = None
) -> LabelledData:
    return LabelledData(name="more", input=row, labels=labels, rows=part(0, 1), test=test)


def test_further_data_gets_the_networks_label_indices() -> None:
    data = SCHEMA.align(replace(further(("c", "b"), test=part(1)), validation=part(0)))
    assert (data.labels, data.rows.y.tolist()) == (("a", "b", "c"), [2, 1])
    assert data.validation is not None
    assert data.test is not None
    assert (data.validation.y.tolist(), data.test.y.tolist()) == ([2], [1])


def test_an_unknown_label_is_refused() -> None:
    with pytest.raises(DataError) as error:
        SCHEMA.align(further(("a", "d")))
    assert (
        str(error.value) == "more: expected one of the network's labels ('a', 'b', 'c'), found 'd'"
    )


@pytest.mark.parametrize(
    ("row", "found"),
    [
        (
            Input(kind="image", shape=(2, 2), unit="pixel", low=0, high=255),
            "images of 2×2 in the unit pixel 0–255",
        ),
        (
            Input(kind="image", shape=(1, 2), unit="brightness", low=0, high=16),
            "images of 1×2 in the unit brightness 0–16",
        ),
        (Input(kind="image", shape=(1, 2), unit="value"), "images of 1×2 in the unit value"),
        (PETS, "rows of 2 columns ('age', 'kind' as cat/dog)"),
    ],
)
def test_rows_of_another_shape_unit_or_kind_are_refused(row: Input, found: str) -> None:
    with pytest.raises(DataError) as error:
        SCHEMA.align(further(("a", "b"), row=row))
    assert str(error.value) == (
        "more: expected images of 1×2 in the unit pixel 0–255 as in the network's training data, "
        f"found {found}"
    )


def test_columns_of_other_names_are_refused() -> None:
    other = Input(
        kind="table", shape=(2,), unit="value", columns=(Column(name="0"), Column(name="1"))
    )
    with pytest.raises(DataError) as error:
        Schema(input=PETS, labels=("a", "b")).align(further(("a", "b"), row=other))
    assert str(error.value) == (
        "more: expected rows of 2 columns ('age', 'kind' as cat/dog) as in the network's training "
        "data, found rows of 2 columns ('0', '1')"
    )
