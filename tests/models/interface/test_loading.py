import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from models import load_data
from models.errors import ConfigError, DataError, ModelsWarning

FRAME = pd.DataFrame(
    {"size": [1.5, 2.5, 3.5, 4.5] * 10, "colour": list("rgbr") * 10, "kind": list("xyxy") * 10}
)
REPEATED = "ignore:.*repeat an earlier row"  # the table above has four different rows

pytestmark = pytest.mark.filterwarnings(REPEATED, "ignore:.*predicts|.*leak|.*known from")


def test_a_data_frame_is_read_as_the_file_that_it_is_written_to(tmp_path: Path) -> None:
    FRAME.to_csv(tmp_path / "table.csv", index=False)
    of_file = load_data(tmp_path / "table.csv", target="kind")
    of_frame = load_data(FRAME, target="kind")
    assert of_frame.dataset.input == of_file.dataset.input
    assert of_frame.dataset.digest() == of_file.dataset.digest()


def test_arrow_tables_are_read_as_data_frames() -> None:
    of_arrow = load_data(pa.Table.from_pandas(FRAME), target="kind")
    assert of_arrow.dataset.digest() == load_data(FRAME, target="kind").dataset.digest()


def test_labels_beside_a_data_frame_keep_their_name_and_order() -> None:
    rows, labels = FRAME[["size", "colour"]], FRAME["kind"].set_axis(range(100, 140))
    assert load_data((rows, labels)).dataset.digest() == (
        load_data(FRAME, target="kind").dataset.digest()
    )


def test_arrays_are_a_table_or_images_by_their_shape() -> None:
    labels = np.array([0, 1] * 10)
    table = load_data((np.arange(40.0).reshape(20, 2), labels))
    assert [column.name for column in table.dataset.input.columns] == ["0", "1"]
    images = load_data((np.arange(20 * 6, dtype=np.uint8).reshape(20, 2, 3), labels.astype(str)))
    assert (images.dataset.input.kind, images.dataset.input.shape) == ("image", (2, 3))
    assert images.labels == ("0", "1")


def test_arrays_by_name_may_have_their_own_test_rows() -> None:
    x, y = np.arange(40.0).reshape(20, 2), np.array([0, 1] * 10)
    data = load_data({"x": x, "y": y, "x_test": x[:4], "y_test": y[:4]})
    assert len(data.dataset.test) == 4


def test_a_kind_can_be_declared_and_a_column_left_out() -> None:
    frame = FRAME.assign(zip=[10115, 20095, 80331, 10115] * 10, id=range(40))
    data = load_data(frame, target="kind", exclude="id", columns={"zip": "category"})
    assert data.columns()["kind"].tolist() == ["number", "3 categories", "3 categories"]


def test_the_text_of_loaded_data_is_their_overview() -> None:
    assert repr(load_data(FRAME, target="kind")).startswith(
        "data frame: 40 rows of 2 columns (1 numbers, 1 categories)\nlabels: 'x' 50.0%, 'y' 50.0%\n"
    )


def test_a_named_index_is_noted() -> None:
    note = "data frame: the index 'day' is left out; `reset_index()` makes it a column"
    with pytest.warns(ModelsWarning, match=re.escape(note)):
        load_data(FRAME.rename_axis("day"), target="kind")


MESSAGES = [
    (
        lambda: load_data(FRAME),
        "target: name the column to predict, one of 'size', 'colour', 'kind'",
    ),
    (
        lambda: load_data(FRAME, target="king"),
        "target: expected a column of data frame ('size', 'colour', 'kind'), found 'king'; did you "
        "mean 'kind'?",
    ),
    (
        lambda: load_data((FRAME, FRAME["kind"]), target="kind"),
        "target: has no effect with labels beside the data frame; leave it out",
    ),
    (
        lambda: load_data((FRAME, FRAME["kind"])),
        "data frame: column 'kind' is also the name of the labels; rename one",
    ),
    (
        lambda: load_data((FRAME, [1, 2])),
        "data frame: expected labels of the shape (40,), one for each row, found (2,)",
    ),
    (
        lambda: load_data((np.ones((4, 2)), np.arange(4)), missing="-"),
        "missing: data 'arrays' is not a table; leave the option out",
    ),
    (
        lambda: load_data(FRAME, target="kind", encoding="cp1252"),
        "encoding: has an effect only with files; leave it out",
    ),
    (
        lambda: load_data(FRAME.assign(price=["1,000", "2"] * 20), target="kind"),
        "data frame: column 'price', row 1: expected plain numbers, found '1,000'; read the column "
        "as numbers with `columns={'price': 'number'}`, or decimal marks with `decimal=','`, or "
        "keep the strings as categories with `columns={'price': 'category'}`",
    ),
    (
        lambda: load_data(pd.DataFrame({"a": [1, "b"], "b": [0, 1]}), target="b"),
        "data frame: cannot be converted to Arrow: Conversion failed for column a with type object",
    ),
]


@pytest.mark.parametrize(("call", "message"), MESSAGES, ids=[text[:40] for _, text in MESSAGES])
def test_messages_name_the_arguments(call, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DataError) as error:
        call()
    assert str(error.value) == message


def test_other_objects_are_refused() -> None:
    with pytest.raises(DataError, match=r"or arrays by name, found a tuple of 3$"):
        load_data((1, 2, 3))


def test_a_share_out_of_bounds_is_refused() -> None:
    with pytest.raises(ConfigError) as error:
        load_data(FRAME, target="kind", validation_share=0.7)
    assert str(error.value) == (
        "validation_share: expected a number less than or equal to 0.5, found 0.7"
    )
