import numpy as np
import pytest

from models.data.bundled import load
from models.errors import DataError


@pytest.mark.parametrize(
    ("name", "shape", "parts", "high"),
    [
        ("digits", (8, 8), [1437, 180, 180], 16),
        ("mnist-5k", (28, 28), [4000, 500, 500], 255),
    ],
)
def test_bundled_images_keep_their_own_unit(
    name: str, shape: tuple[int, int], parts: list[int], high: int
) -> None:
    data = load(name)
    assert data.labels == tuple("0123456789")
    assert data.input.shape == shape
    assert [len(part) for part in (data.train, data.validation, data.test)] == parts
    assert data.train.x.dtype == np.float32
    assert (
        (data.train.x.min(), data.train.x.max()) == (0, high) == (data.input.low, data.input.high)
    )


def test_every_digit_has_its_share_of_every_part_of_mnist_5k() -> None:
    data = load("mnist-5k")
    for part, each in [(data.train, 400), (data.validation, 50), (data.test, 50)]:
        assert np.bincount(part.y).tolist() == [each] * 10


def test_unknown_data_is_told_the_known() -> None:
    with pytest.raises(DataError) as error:
        load("minst")
    assert str(error.value) == "data: expected one of digits, mnist-5k, found 'minst'"
