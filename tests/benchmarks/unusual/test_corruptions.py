import numpy as np
import pytest

from benchmarks.unusual.corruptions import CORRUPTIONS, SIDE, SYMMETRIC, corrupted

LABELS = np.arange(20) % 10


def digits() -> np.ndarray:
    """Twenty images of a bright, lopsided shape on black, with a grey fringe; (20, 784)."""
    images = np.zeros((20, SIDE, SIDE), np.float32)
    images[:, 5:22, 8:13] = 250
    images[:, 18:22, 8:20] = 180
    images += np.arange(20)[:, None, None]  # no two alike
    return np.minimum(images, 255).reshape(20, -1)


def spoilt(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return originals and spoilt ones as images."""
    x = digits()
    found = corrupted(x, LABELS, np.random.default_rng(0))[name]
    own = x[~np.isin(LABELS, SYMMETRIC)] if name == "mirrored" else x
    return own.reshape(-1, SIDE, SIDE), found.reshape(-1, SIDE, SIDE)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_images_keep_shape_and_range_and_each_is_another(name: str) -> None:
    before, after = spoilt(name)
    assert after.shape == before.shape
    assert after.dtype == np.float32
    assert after.min() >= 0
    assert after.max() <= 255
    assert (np.abs(after - before).max(axis=(1, 2)) > 50).all()


def test_the_originals_are_left_as_they_are() -> None:
    x = digits()
    corrupted(x, LABELS, np.random.default_rng(0))
    assert (x == digits()).all()


def test_the_same_seed_spoils_alike() -> None:
    first, second = (corrupted(digits(), LABELS, np.random.default_rng(3)) for _ in range(2))
    assert all((first[name] == second[name]).all() for name in CORRUPTIONS)


def test_inverted_twice_is_the_original() -> None:
    before, after = spoilt("inverted")
    assert (255 - after == before).all()


def test_half_of_each_image_is_hidden() -> None:
    before, after = spoilt("half hidden")
    for image, left in zip(before, after, strict=True):
        halves = [np.s_[:14], np.s_[14:], np.s_[:, :14], np.s_[:, 14:]]
        black = [half for half in halves if not left[half].any()]
        assert black
        assert ((left == image) | (left == 0)).all()


def test_shifted_images_are_six_pixels_off() -> None:
    before, after = spoilt("shifted")
    for image, moved in zip(before, after, strict=True):
        ways = [np.roll(image, step, axis) for axis in (0, 1) for step in (-6, 6)]
        assert any((moved[6:-6, 6:-6] == way[6:-6, 6:-6]).all() for way in ways)


def test_shuffled_patches_keep_their_pixels() -> None:
    before, after = spoilt("patches shuffled")
    first, second = (images[:, 4:8, 8:12].reshape(20, -1) for images in (before, after))
    assert (np.sort(first, axis=1) == np.sort(second, axis=1)).all()


def test_digits_that_a_mirror_hardly_changes_are_not_mirrored() -> None:
    before, after = spoilt("mirrored")
    assert len(after) == 14
    assert (after[:, :, ::-1] == before).all()


def test_salt_and_pepper_change_a_quarter_of_the_pixels() -> None:
    x = np.full((20, SIDE * SIDE), 100, np.float32)
    after = corrupted(x, LABELS, np.random.default_rng(0))["salt and pepper"]
    assert (after == 0).mean() == pytest.approx(0.12, abs=0.01)
    assert (after == 255).mean() == pytest.approx(0.12, abs=0.01)
