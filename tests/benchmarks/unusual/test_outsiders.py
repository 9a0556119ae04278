import numpy as np
from scipy import ndimage

from benchmarks.unusual.outsiders import FONTS, LETTERS, letters, photographs


def test_letters_are_sized_and_centred_as_mnist_has_its_digits() -> None:
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


def test_patches_of_photographs_go_from_black_to_white_and_follow_the_seed() -> None:
    first, second, other = (photographs(np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert first.shape == (2000, 784)
    assert (first.min(axis=1) == 0).all()
    assert np.allclose(first.max(axis=1), 255)
    assert (first == second).all()
    assert (first != other).any()
