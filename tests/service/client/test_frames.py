import subprocess
import sys

import numpy as np
import pytest

from service.client import frames
from service.client.errors import AnswerError
from tests.conftest import ROOT


def test_a_table_has_its_columns_in_their_order() -> None:
    frame = frames.table({"label": ("a", "b"), "gate": np.array([0.5, 1], np.float32)})
    assert frame.columns.tolist() == ["label", "gate"]
    assert frame["gate"].dtype == np.float32
    assert frame["label"].tolist() == ["a", "b"]


def test_what_is_no_parquet_file_is_told() -> None:
    with pytest.raises(AnswerError) as caught:
        frames.read_parquet(b"something else")
    assert str(caught.value) == "answer: expected a Parquet file, found something else"


@pytest.mark.parametrize("missing", ["pandas", "pyarrow"])
@pytest.mark.parametrize("call", ["table({})", "read_parquet(b'')", "check_pandas()"])
def test_without_its_extra_it_is_told_what_to_install(missing: str, call: str) -> None:
    script = (
        f"import sys; sys.modules['{missing}'] = None\n"
        "from service.client import ClientError, ExtraError, frames\n"
        f"try:\n    frames.{call}\n"
        "except ExtraError as error:\n    assert isinstance(error, ClientError); print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == (
        f"frames: expected the extra 'notebook', found no {missing}; install it with "
        "`pip install '.[notebook]'`\n"
    )


def test_the_client_loads_pandas_only_for_frames() -> None:
    script = (
        "import sys; import service.client; "
        "assert not {'pandas', 'pyarrow', 'sqlalchemy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)
