"""IDX files of MNIST, Fashion-MNIST, EMNIST and others, plain or gzipped.

The format is described at the end of http://yann.lecun.com/exdb/mnist.
"""

import gzip
import re
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from highway_client.description import Input
from highway_client.errors import FileError
from highway_client.files.rows import FileRows

Bytes = NDArray[np.uint8]

UNSIGNED_BYTES = b"\0\0\x08"  # the first bytes of an IDX file of uint8; next, its dimensions
DIMENSIONS = {"images": 3, "labels": 1}
# Such as train-images-idx3-ubyte, t10k-images.idx3-ubyte.gz.
IMAGES = re.compile(r".*images[-_.]idx3[-_.]ubyte(\.gz)?", re.IGNORECASE)


def is_idx_file(path: Path) -> bool:
    """Return whether a file has a usual name of images in this format."""
    return IMAGES.fullmatch(path.name) is not None


def read_images(path: Path, row: Input) -> FileRows:
    """Read grey images of pixels 0 to 255."""
    images = read_bytes(path, str(path), "images")
    if images.shape[1:] != row.shape:
        expected = "×".join(map(str, row.shape))
        found = "×".join(map(str, images.shape[1:]))
        raise FileError(f"{path}: expected images of {expected}, found {found}")
    return FileRows.of_matrix(images.reshape(len(images), -1), row.size)


def read_bytes(path: Path, name: str, content: str) -> Bytes:
    """Return the images (n, height, width) or labels (n,) of one file.

    `name` begins the message of every `FileError`.
    """
    data = _decompressed(path, name)
    dimensions = DIMENSIONS[content]
    magic, header = UNSIGNED_BYTES + bytes([dimensions]), 4 + 4 * dimensions
    if len(data) >= 4 and data[:4] != magic:
        raise FileError(
            f"{name}: expected the first bytes {magic.hex(' ')} of an IDX file of {content}, "
            f"found {data[:4].hex(' ')}"
        )
    shape = tuple(np.frombuffer(data[4:header], ">u4").tolist()) if len(data) >= header else ()
    expected = header + int(np.prod(shape, dtype=object))
    if not shape or len(data) != expected:
        raise FileError(
            f"{name}: expected {expected if shape else f'at least {header}'} bytes, found "
            f"{len(data)}; the file is damaged, download it again"
        )
    if 0 in shape:
        raise FileError(f"{name}: the file holds no {content}")
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)


def _decompressed(path: Path, name: str) -> bytes:
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if path.suffix.lower() == ".gz" else data
    except (OSError, EOFError, zlib.error) as error:
        raise FileError(f"{name}: the file cannot be read ({error}); download it again") from error
