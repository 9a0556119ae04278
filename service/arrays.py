"""Array types of all modules of the service, and the check for infinities and NaN."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
Outputs = Mapping[str, FloatArray]  # by output name, one row for each input row


def all_finite(values: FloatArray) -> bool:
    """Return whether no number of a flat array is infinite or NaN."""
    # Searching for a zero byte takes half the time of `all`.
    return b"\0" not in np.isfinite(values).tobytes()
