from math import nan

import numpy as np
from highway_client.column_values import named_values

from tests.client.conftest import PEOPLE


def test_categories_have_their_names_and_missing_values_are_none() -> None:
    row = np.array([41.5, 1, nan], np.float32)
    assert named_values(row, PEOPLE.columns) == {"age": 41.5, "job": "pilot", "member": None}
