import pytest

from models.data.array_names import pair_names
from models.errors import DataError

KNOWN = (
    "named 'x' and 'y', 'images' and 'labels', or 'data' and 'target', alone or with 'train', "
    "'val' and 'test' as in 'x_train' or 'train_images'"
)


def message(*names: str) -> str:
    with pytest.raises(DataError) as error:
        pair_names("a.npz", names)
    return str(error.value)


@pytest.mark.parametrize(
    "names",
    [
        ("x", "y", "x_val", "y_val", "x_test", "y_test"),
        ("X", "y", "X_valid", "y_valid", "X_test", "y_test"),
        ("x_train", "y_train", "x_validation", "y_validation", "x_test", "y_test"),
        ("Xtrain", "Ytrain", "Xval", "Yval", "Xtest", "Ytest"),
        ("train_images", "train_labels", "val_images", "val_labels", "test_images", "test_labels"),
        ("train_data", "train_targets", "val_x", "val_y", "testing_x", "testing_y"),
        ("images", "labels", "val_images", "val_labels", "image_test", "label_test"),
        ("data", "target", "data_val", "target_val", "data_test", "target_test"),
    ],
)
def test_usual_names_say_part_and_content(names: tuple[str, ...]) -> None:
    pairs = pair_names("a.npz", names)
    couples = zip(names[::2], names[1::2], strict=True)
    expected = dict(zip(("training", "validation", "test"), couples, strict=True))
    assert {part: (pair["rows"], pair["labels"]) for part, pair in pairs.items()} == expected


def test_the_training_part_alone_is_enough() -> None:
    assert pair_names("a.npz", ["y", "x"]) == {"training": {"rows": "x", "labels": "y"}}


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (("a", "b"), "'a', 'b'"),
        (("x", "y", "weights"), "'weights', 'x', 'y'"),
        (("train_x_test", "y"), "'train_x_test', 'y'"),
        (("x_test", "y_test"), "'x_test', 'y_test'"),
        (("xy", "y"), "'xy', 'y'"),
        ((), "none"),
    ],
)
def test_other_names_are_refused_with_the_known_ones(names: tuple[str, ...], found: str) -> None:
    assert message(*names) == f"a.npz: expected arrays {KNOWN}, found {found}"


def test_two_arrays_of_one_content_are_refused() -> None:
    assert message("x", "images", "y") == (
        "a.npz: expected one array of training rows, found 'images' and 'x'; remove one"
    )


@pytest.mark.parametrize(
    ("names", "missing", "beside"),
    [
        (("x",), "training labels", "x"),
        (("y",), "training rows", "y"),
        (("x", "y", "x_test"), "test labels", "x_test"),
    ],
)
def test_a_part_without_rows_or_labels_is_refused(
    names: tuple[str, ...], missing: str, beside: str
) -> None:
    found = ", ".join(map(repr, sorted(names)))
    assert message(*names) == (
        f"a.npz: expected an array of {missing} beside {beside!r}, {KNOWN}, found {found}"
    )
