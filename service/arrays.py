"""Array types of all modules of the service."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
Outputs = Mapping[str, FloatArray]  # by output name, one row for each input row
