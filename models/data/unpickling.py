"""Reading pickles of plain values and arrays of bytes, and nothing that could run code."""

import io
import pickle
import pickletools
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.errors import DataError


class _Refused(pickle.UnpicklingError):
    """A pickle holds something else than plain values and arrays of bytes."""


class ByteArray:
    """What stands in a pickle for a NumPy array of bytes, as uint8 of any shape in `values`.

    NumPy's own reading of a pickled array trusts what it is told, even to change a dtype that all
    arrays share.
    """

    def __init__(self, *_: object) -> None:
        self.values: NDArray[np.uint8] = np.empty(0, np.uint8)

    def __setstate__(self, state: tuple[int, tuple[int, ...], "_DType", bool, str | bytes]) -> None:
        _, shape, dtype, by_column, content = state
        if dtype.code != "u1":
            raise _Refused(f"an array of {dtype.code}")
        content = content.encode("latin1") if isinstance(content, str) else content
        flat = np.frombuffer(content, np.uint8)
        self.values = flat.reshape(shape, order="F" if by_column else "C")


class _DType:
    """The code of a NumPy dtype; what else a pickle says of it is not needed."""

    def __init__(self, code: str, *_: object) -> None:
        self.code = code

    def __setstate__(self, state: object) -> None:
        pass


def _encode(text: str, encoding: str) -> bytes:
    """Return the bytes that Python 3 writes so for Python 2; no other encoding is needed."""
    if encoding != "latin1":
        raise _Refused(f"the encoding {encoding}")
    return text.encode("latin1")


KNOWN: dict[tuple[str, str], object] = {
    ("numpy.core.multiarray", "_reconstruct"): ByteArray,
    ("numpy._core.multiarray", "_reconstruct"): ByteArray,  # since NumPy 2
    ("numpy", "ndarray"): ByteArray,
    ("numpy", "dtype"): _DType,
    ("_codecs", "encode"): _encode,
}


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in KNOWN:
            raise _Refused(f"{module}.{name}")
        return KNOWN[module, name]


def unpickled(path: Path) -> object:
    """Return what is pickled in a file, also by Python 2, with arrays as `ByteArray`.

    Anything but plain values and arrays of bytes, and a damaged file, are `DataError`s.
    """
    try:
        data = path.read_bytes()
        _check_sizes(data)
        return _PlainUnpickler(io.BytesIO(data), encoding="latin1").load()
    except _Refused as error:
        raise DataError(
            f"{path.name}: expected plain values and arrays of bytes, found {error}; use the "
            "original file"
        ) from error
    # The pickle module says of damaged data that any exception may come of it.
    except Exception as error:
        raise DataError(
            f"{path.name}: expected a whole pickle, found it damaged; download it again"
        ) from error


def _check_sizes(data: bytes) -> None:
    """Refuse lengths and numbers of remembered objects for which `load` would take gigabytes."""
    for operation, value, _ in pickletools.genops(data):
        if operation.name.endswith("PUT") and isinstance(value, int) and value > len(data):
            raise pickle.UnpicklingError("more objects than bytes")
