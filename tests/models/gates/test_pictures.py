import base64
import io
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from models.gates.pictures import PICTURES, write_pictures
from models.gates.report import GateReport, Sample
from tests.models.gates.conftest import drawn, report

SVG = "{http://www.w3.org/2000/svg}"
SHAPES = {
    "one layer": [4],
    "eight convolutions": [16] * 8,
    "three stages": [3, 3, 5, 5, 8],
    "49 layers": [50] * 49,
    "99 layers": [50] * 99,
}


@cache
def drawn_shape(name: str, shape: str) -> Figure:
    """The picture of layers of these widths, which no test changes."""
    return drawn(name, report(SHAPES[shape], classes=10))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all pictures of two layers."""
    folder = tmp_path_factory.mktemp("pictures")
    write_pictures(report([3, 5]), folder)
    return folder


def titles(name: str, gates: GateReport) -> list[str]:
    """The titles and labels of a picture, that of the figure first."""
    figure = drawn(name, gates)
    panels = [text for axes in figure.axes for text in (axes.get_title(), axes.get_xlabel())]
    return [figure.get_suptitle(), *panels]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", PICTURES)
def test_nothing_is_cut_off_at_any_depth(name: str, shape: str) -> None:
    figure = drawn_shape(name, shape)
    width, height = figure.get_size_inches()
    box = figure.get_tightbbox()
    assert box.x0 >= 0
    assert box.y0 >= 0
    assert box.x1 <= width
    assert box.y1 <= height


@pytest.mark.parametrize("name", PICTURES)
def test_long_names_fit_and_dollars_are_not_formulas(name: str) -> None:
    gates = report([4, 4])
    long = "all of /a/$very$/" + "long" * 40
    label = replace(gates.classes[0], label="$x$ " + "label" * 10)
    named = replace(gates, rows_of=long, sample=Sample(row=9, label=label.label))
    figure = drawn(name, replace(named, classes=(label,)))
    assert figure.get_tightbbox().x0 >= 0
    assert figure.get_tightbbox().x1 <= figure.get_size_inches()[0]


@pytest.mark.parametrize("name", PICTURES)
def test_labels_of_neighbouring_layers_do_not_overlap(name: str) -> None:
    for shape in SHAPES:
        for axes in drawn_shape(name, shape).axes:
            boxes = [label.get_window_extent() for label in axes.get_yticklabels()]
            shown = sorted((box.y0, box.y1) for box in boxes if box.height > 1)
            assert all(above[0] >= below[1] - 1 for below, above in pairwise(shown)), shape


def test_the_same_report_gives_the_same_bytes(written: Path, tmp_path: Path) -> None:
    files = write_pictures(report([3, 5]), tmp_path)
    assert sorted(files) == sorted(tmp_path.iterdir())
    for path in files:
        assert path.read_bytes() == (written / path.name).read_bytes(), path


def test_every_picture_is_an_svg_and_a_png_with_a_transparent_background(written: Path) -> None:
    files = list(written.iterdir())
    assert {path.name for path in files} == {
        f"{name}.{kind}" for name in PICTURES for kind in ("svg", "png")
    }
    for path in files:
        if path.suffix == ".svg":
            assert ElementTree.parse(path).getroot().tag == f"{SVG}svg"
        else:
            alpha = np.asarray(Image.open(path).convert("RGBA"))[:, :, 3]
            assert alpha[0, 0] == 0
            assert (alpha == 255).mean() > 0.005


def test_a_cell_without_a_unit_is_transparent(written: Path) -> None:
    images = ElementTree.parse(written / "mean_gates.svg").iter(f"{SVG}image")
    source = next(images).attrib["{http://www.w3.org/1999/xlink}href"].partition(",")[2]
    cells = np.asarray(Image.open(io.BytesIO(base64.b64decode(source))).convert("RGBA"))
    assert cells.shape[:2] == (2, 5)  # one pixel for each cell
    assert sorted((cells[:, :, 3] > 0).sum(axis=1).tolist()) == [3, 5]


def test_matplotlib_settings_are_restored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.gates.pictures.PICTURES", {"biases": PICTURES["biases"]})
    before = dict(mpl.rcParams)
    write_pictures(report([3]), tmp_path)
    assert dict(mpl.rcParams) == before


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """All pictures of names with a letter that the font lacks and with control characters.

    A warning would be an error.
    """
    gates = report([3])
    label = replace(gates.classes[0], label="$\x1b[31m_\x07")
    named = replace(
        gates, classes=(label, gates.classes[1]), sample=Sample(row=0, label="数\u202e\x00")
    )
    return write_pictures(named, tmp_path_factory.mktemp("odd"))


def test_a_letter_missing_in_the_font_gives_no_warning(odd: list[Path]) -> None:
    assert len(odd) == 2 * len(PICTURES)


def test_control_characters_in_names_do_not_damage_an_svg(odd: list[Path]) -> None:
    for path in odd:
        if path.suffix == ".svg":
            assert ElementTree.parse(path).getroot().tag == f"{SVG}svg"


def test_titles_name_the_numbers_and_the_rows() -> None:
    gates = report([4, 4])
    assert titles("biases", gates)[0] == "Gate biases: −2 before training"
    assert titles("mean_gates", gates)[0] == (
        "Transform gates, mean over 1,437 rows, digits (train)"
    )
    assert (
        titles("sample_gates", gates)[0] == "Transform gates for row 0 of digits (train), label 0"
    )
    assert titles("lesions", gates)[0] == "One layer closed: 1,437 rows, digits (train)"
    assert titles("joint_lesions", gates)[0] == "Several layers closed: 1,437 rows, digits (train)"


def test_different_initial_biases_are_named_by_their_range() -> None:
    gates = report([4, 4])
    layers = (replace(gates.layers[0], gate_bias_before=-3.5), gates.layers[1])
    title = titles("biases", replace(gates, layers=layers))[0]
    assert title == "Gate biases: −3.5 to −2 before training"


def test_convolutions_have_channels_and_dense_layers_units() -> None:
    assert "unit" in titles("sample_gates", report([4]))
    assert "channel" in titles("sample_gates", report([4], kind="highway-conv"))


def test_at_most_ten_classes_are_drawn_and_the_title_counts_them() -> None:
    gates = titles("class_gates", report([4], classes=12))
    assert gates[0].endswith("that of all rows, first 10 of 12 classes")
    assert "9" in gates
    assert "10" not in gates


def test_a_class_without_rows_has_no_panel() -> None:
    gates = report([4], classes=3)
    empty = replace(gates.classes[1], rows=0, mean_gate_difference=())
    shown = titles("class_gates", replace(gates, classes=(*gates.classes[::2], empty)))
    assert "0" in shown
    assert "2" in shown
    assert "1" not in shown


def test_layers_of_a_pruned_network_keep_their_numbers() -> None:
    gates = report([4, 4])
    pruned = replace(gates, layers=(gates.layers[0], replace(gates.layers[1], number=7)))
    axes = drawn("sample_gates", pruned).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["1", "7"]


def test_equal_numbers_everywhere_are_drawn() -> None:
    gates = report([2], classes=1)
    flat = replace(
        gates.layers[0],
        gate_bias_after=(-2.0, -2.0),
        mean_gate=(0.0, 0.0),
        sample_gate=(0.0, 0.0),
        sample_output=(0.0, 0.0),
    )
    same = replace(gates.classes[0], mean_gate_difference=((0.0, 0.0),))
    for name in PICTURES:
        drawn(name, replace(gates, layers=(flat,), classes=(same,)))
