"""Numbers that a network can learn from: their largest size, and their rounding in float32."""

import numpy as np
from numpy.typing import NDArray

# Standardising adds up the squares of differences, in float64 and at last in float32, whose end is
# 3.4e38; the checks of an export multiply the largest value by 1,000. Larger numbers in real data
# mark a missing value, such as -3.4028e+38 in rasters.
MAX_MAGNITUDE = 1e30
MAX_ROUNDING = 1e-3  # of a number in float32, in standard deviations of the numbers around it
EQUAL = 2.0**-22  # a spread relative to the largest number; a smaller one is that of rounding
SMALLEST = float(np.finfo(np.float32).tiny)


def resolved(spread: NDArray[np.float64], largest: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return whether float32 resolves spreads of numbers up to `largest` in size."""
    return np.asarray(spread > np.maximum(largest * EQUAL, SMALLEST))
