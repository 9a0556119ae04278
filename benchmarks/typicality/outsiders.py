"""notMNIST's letters: images of MNIST's size that show no digits (Y. Bulatov, 2011).

They are measured apart from the other kinds, because they are other data and not a package's.
"""

from pathlib import Path

import numpy as np
from highway_client.errors import FileError
from highway_client.files.idx import read_bytes

from benchmarks.typicality.inputs import SIDE
from models.data.dataset import FloatRows

NOTMNIST = "notMNIST letters"
FILE = "t10k-images-idx3-ubyte"
NAMES = (FILE, f"{FILE}.gz")
ORIGIN = "https://github.com/davidflanagan/notMNIST-to-MNIST has it"


def notmnist_letters(folder: Path, digits: FloatRows) -> FloatRows:
    """Read the letters A to J in many typefaces, (n, 784); `digits` are MNIST's test images.

    Raises `SystemExit` if the folder does not hold them.
    """
    path = next((folder / name for name in NAMES if (folder / name).is_file()), None)
    expected = f"{folder}: expected notMNIST's letters in {FILE}, plain or .gz"
    if path is None:
        raise SystemExit(f"{expected}, found no such file; {ORIGIN}")
    try:
        images = read_bytes(path, path.name, "images")
    except FileError as error:
        raise SystemExit(f"{folder}: {error}") from error
    if images.shape[1:] != (SIDE, SIDE):
        size = "×".join(map(str, images.shape[1:]))
        raise SystemExit(f"{expected}, of {SIDE}×{SIDE} pixels, found {size}; {ORIGIN}")
    rows = images.reshape(len(images), -1).astype(np.float32)
    if np.array_equal(rows, digits):
        raise SystemExit(f"{expected}, found MNIST's digits; {ORIGIN}")
    return rows
