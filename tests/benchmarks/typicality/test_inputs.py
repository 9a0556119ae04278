import numpy as np
import pytest
from scipy import ndimage

from benchmarks.typicality.inputs import (
    CHOSEN_ON,
    CORRUPTIONS,
    FONTS,
    KINDS,
    LETTERS,
    OTHERS,
    SIDE,
    SYMMETRIC,
    atypical_inputs,
    corrupted,
    letters,
    photographs,
)
from models.data.dataset import Part

LABELS = np.arange(20) % 10


def digits() -> np.ndarray:
    """Twenty images of a bright, asymmetric shape on black, with a grey fringe; (20, 784)."""
    images = np.zeros((20, SIDE, SIDE), np.float32)
    images[:, 5:22, 8:13] = 250
    images[:, 18:22, 8:20] = 180
    images += np.arange(20)[:, None, None]  # no two alike
    return np.minimum(images, 255).reshape(20, -1)


def before_and_after(name: str) -> tuple[np.ndarray, np.ndarray]:
    """The originals and the corrupted images."""
    x = digits()
    after = corrupted(x, LABELS, np.random.default_rng(0))[name]
    before = x[~np.isin(LABELS, SYMMETRIC)] if name == "flipped" else x
    return before.reshape(-1, SIDE, SIDE), after.reshape(-1, SIDE, SIDE)


def test_every_kind_is_reproducible() -> None:
    x = np.random.default_rng(0).integers(0, 256, (30, 784)).astype(np.float32)
    first, second = (atypical_inputs(Part(x=x, y=np.arange(30) % 10)) for _ in range(2))
    assert tuple(first) == KINDS
    assert all((first[kind] == second[kind]).all() for kind in KINDS)


def test_the_halves_are_nine_and_eight_kinds() -> None:
    assert (
        *("inverted", "shifted", "noise", "blurred", "zoomed out", "stripe"),
        *("patches shuffled", "warped", "photographs"),
    ) == CHOSEN_ON
    assert len(OTHERS) == 8
    assert {*CHOSEN_ON, *OTHERS} == set(KINDS)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_corrupted_images_differ_and_keep_shape_and_range(name: str) -> None:
    before, after = before_and_after(name)
    assert after.shape == before.shape
    assert after.dtype == np.float32
    assert after.min() >= 0
    assert after.max() <= 255
    assert (np.abs(after - before).max(axis=(1, 2)) > 50).all()


def test_the_originals_do_not_change() -> None:
    x = digits()
    corrupted(x, LABELS, np.random.default_rng(0))
    assert (x == digits()).all()


def test_the_same_seed_gives_the_same_corruptions() -> None:
    first, second = (corrupted(digits(), LABELS, np.random.default_rng(3)) for _ in range(2))
    assert all((first[name] == second[name]).all() for name in CORRUPTIONS)


def test_inverted_twice_is_the_original() -> None:
    before, after = before_and_after("inverted")
    assert (255 - after == before).all()


def test_half_of_each_image_is_hidden() -> None:
    before, after = before_and_after("half hidden")
    for image, left in zip(before, after, strict=True):
        halves = [np.s_[:14], np.s_[14:], np.s_[:, :14], np.s_[:, 14:]]
        black = [half for half in halves if not left[half].any()]
        assert black
        assert ((left == image) | (left == 0)).all()


def test_shifted_images_move_by_six_pixels() -> None:
    before, after = before_and_after("shifted")
    for image, moved in zip(before, after, strict=True):
        shifts = [np.roll(image, step, axis) for axis in (0, 1) for step in (-6, 6)]
        assert any((moved[6:-6, 6:-6] == shift[6:-6, 6:-6]).all() for shift in shifts)


def test_shuffled_patches_keep_their_pixels() -> None:
    before, after = before_and_after("patches shuffled")
    first, second = (images[:, 4:8, 8:12].reshape(20, -1) for images in (before, after))
    assert (np.sort(first, axis=1) == np.sort(second, axis=1)).all()


def test_symmetric_digits_are_not_flipped() -> None:
    before, after = before_and_after("flipped")
    assert len(after) == 14
    assert (after[:, :, ::-1] == before).all()


def test_salt_and_pepper_change_a_quarter_of_the_pixels() -> None:
    x = np.full((20, SIDE * SIDE), 100, np.float32)
    after = corrupted(x, LABELS, np.random.default_rng(0))["salt and pepper"]
    assert (after == 0).mean() == pytest.approx(0.12, abs=0.01)
    assert (after == 255).mean() == pytest.approx(0.12, abs=0.01)


def test_letters_have_the_size_and_the_centre_of_mnist_digits() -> None:
    images = letters().reshape(-1, 28, 28)
    assert len(images) == len(FONTS) * len(LETTERS) == 680
    assert images.dtype == np.float32
    assert images.min() == 0
    assert images.max() == 255
    for image in images:
        rows, columns = (np.flatnonzero(image.any(axis=axis)) for axis in (1, 0))
        sides = (np.ptp(rows) + 1, np.ptp(columns) + 1)
        assert max(sides) <= 20
        if max(rows.max(), columns.max()) < 27 and min(rows.min(), columns.min()) > 0:
            assert np.abs(np.array(ndimage.center_of_mass(image)) - 14).max() <= 1


def test_letters_that_look_like_digits_are_left_out() -> None:
    assert not set(LETTERS) & set("OIlSZB")
    assert len(set(LETTERS)) == len(LETTERS)


def test_patches_of_photographs_span_black_to_white_and_depend_on_the_seed() -> None:
    first, second, other = (photographs(np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert first.shape == (2000, 784)
    assert (first.min(axis=1) == 0).all()
    assert np.allclose(first.max(axis=1), 255)
    assert (first == second).all()
    assert (first != other).any()
