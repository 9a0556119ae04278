import numpy as np
import pytest

from models.data.bundled import BUNDLED


@pytest.mark.parametrize(
    ("name", "shape", "count", "high"),
    [("digits", (8, 8), 1797, 16), ("mnist-5k", (28, 28), 5000, 255)],
)
def test_bundled_images_keep_their_own_unit(
    name: str, shape: tuple[int, int], count: int, high: int
) -> None:
    data = BUNDLED[name]()
    assert (data.name, data.labels) == (name, tuple("0123456789"))
    assert (data.input.kind, data.input.shape, len(data.rows)) == ("image", shape, count)
    assert data.rows.x.dtype == np.float32
    assert (data.rows.x.min(), data.rows.x.max()) == (0, high) == (data.input.low, data.input.high)


def test_bundled_images_bring_no_test_of_their_own() -> None:
    assert BUNDLED["digits"]().test is None


def test_mnist_5k_has_500_images_of_each_digit() -> None:
    assert np.bincount(BUNDLED["mnist-5k"]().rows.y).tolist() == [500] * 10
