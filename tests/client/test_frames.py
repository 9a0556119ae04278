import subprocess
import sys

import numpy as np
import pytest
from highway_client import frames
from highway_client.errors import ResponseError

from tests.conftest import ROOT


def test_a_table_has_its_columns_in_their_order() -> None:
    frame = frames.table({"label": ("a", "b"), "gate": np.array([0.5, 1], np.float32)})
    assert frame.columns.tolist() == ["label", "gate"]
    assert frame["gate"].dtype == np.float32
    assert frame["label"].tolist() == ["a", "b"]


def test_a_body_that_is_not_parquet_is_an_error() -> None:
    with pytest.raises(ResponseError) as caught:
        frames.read_parquet(b"something else")
    assert str(caught.value) == (
        "response: expected one of a highway-networks server, found a body that is not a Parquet "
        "file"
    )


@pytest.mark.parametrize("missing", ["pandas", "pyarrow"])
@pytest.mark.parametrize("call", ["table({})", "read_parquet(b'')", "check_pandas()"])
def test_a_missing_extra_is_an_error_that_names_it(missing: str, call: str) -> None:
    script = (
        f"import sys; sys.modules['{missing}'] = None\n"
        "from highway_client import ClientError, ExtraError, frames\n"
        f"try:\n    frames.{call}\n"
        "except ExtraError as error:\n    assert isinstance(error, ClientError); print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == (
        f"data frames: expected the extra 'notebook', found no {missing}; install it with "
        "`pip install 'highway-client[notebook]'`\n"
    )


def test_the_client_loads_pandas_only_for_frames() -> None:
    script = (
        "import sys; import highway_client; "
        "assert not {'pandas', 'pyarrow', 'sqlalchemy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)
