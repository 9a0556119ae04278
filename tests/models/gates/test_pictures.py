import base64
import io
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from models.drawing import drawing_settings
from models.gates.lesions import Outcome
from models.gates.pictures import PICTURES, write_pictures
from models.gates.report import ClassReport, GateReport, JointLesion, LayerReport, Sample

SVG = "{http://www.w3.org/2000/svg}"
SHAPES = {
    "one layer": [4],
    "eight convolutions": [16] * 8,
    "three stages": [3, 3, 5, 5, 8],
    "49 layers": [50] * 49,
    "99 layers": [50] * 99,
}


def report(widths: Sequence[int], *, kind: str = "highway", classes: int = 2) -> GateReport:
    """Return a report of layers of these widths, with numbers drawn by chance."""
    chance = np.random.default_rng(0)

    def values(width: int, start: float = 0.0) -> tuple[float, ...]:
        return tuple((start + chance.random(width)).tolist())

    def outcome() -> Outcome:
        return Outcome(accuracy=chance.random(), loss=0.001 + chance.random())

    layers = tuple(
        LayerReport(
            number=number,
            kind=kind,
            width=width,
            gate_bias_before=-2.0,
            gate_bias_after=values(width, -2.5),
            mean_gate=values(width),
            openness=0.5,
            sample_gate=values(width),
            sample_output=values(width, -0.5),
            lesion=outcome(),
        )
        for number, width in enumerate(widths, start=1)
    )
    return GateReport(
        run="run",
        rows_of="digits (train)",
        rows=1437,
        sample=Sample(row=0, label="0"),
        layers=layers,
        intact=Outcome(accuracy=0.99, loss=0.05),
        classes=tuple(
            ClassReport(
                label=str(label),
                rows=5,
                mean_gate_difference=tuple(values(width, -0.5) for width in widths),
            )
            for label in range(classes)
        ),
        joint_lesions=tuple(
            JointLesion(closed=tuple(range(1, k + 1)), accuracy=0.5, loss=0.05 + k)
            for k in range(len(widths) + 1)
        ),
    )


def drawn(name: str, found: GateReport) -> Figure:
    with drawing_settings():
        figure = PICTURES[name](found)
        figure.draw_without_rendering()
    return figure


def texts(name: str, found: GateReport) -> list[str]:
    figure = drawn(name, found)
    panels = [text for axes in figure.axes for text in (axes.get_title(), axes.get_xlabel())]
    return [figure.get_suptitle(), *panels]


@pytest.mark.parametrize("widths", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("name", PICTURES)
def test_nothing_is_cut_off_whatever_the_depth(name: str, widths: list[int]) -> None:
    figure = drawn(name, report(widths, classes=10))
    width, height = figure.get_size_inches()
    box = figure.get_tightbbox()
    assert box.x0 >= 0
    assert box.y0 >= 0
    assert box.x1 <= width
    assert box.y1 <= height


@pytest.mark.parametrize("name", PICTURES)
def test_long_names_are_not_cut_off_and_dollars_are_no_formulas(name: str) -> None:
    found = report([4, 4])
    long = "all of /a/$very$/" + "long" * 40
    label = replace(found.classes[0], label="$x$ " + "label" * 10)
    named = replace(found, rows_of=long, sample=Sample(row=9, label=label.label))
    figure = drawn(name, replace(named, classes=(label,)))
    assert figure.get_tightbbox().x0 >= 0
    assert figure.get_tightbbox().x1 <= figure.get_size_inches()[0]


@pytest.mark.parametrize("name", PICTURES)
def test_labels_of_neighbouring_layers_do_not_touch(name: str) -> None:
    for widths in SHAPES.values():
        for axes in drawn(name, report(widths, classes=10)).axes:
            boxes = [label.get_window_extent() for label in axes.get_yticklabels()]
            shown = sorted((box.y0, box.y1) for box in boxes if box.height > 1)
            assert all(above[0] >= below[1] - 1 for below, above in pairwise(shown)), widths


def test_the_same_report_gives_the_same_bytes(tmp_path: Path) -> None:
    found = report([3, 5])
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        write_pictures(found, tmp_path / folder)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path


def test_every_picture_is_an_svg_and_a_png_with_a_clear_ground(tmp_path: Path) -> None:
    files = write_pictures(report([3, 5]), tmp_path)
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


def test_a_cell_that_stands_for_no_unit_stays_clear(tmp_path: Path) -> None:
    write_pictures(report([3, 5]), tmp_path)
    images = ElementTree.parse(tmp_path / "mean_gates.svg").iter(f"{SVG}image")
    source = next(images).attrib["{http://www.w3.org/1999/xlink}href"].partition(",")[2]
    cells = np.asarray(Image.open(io.BytesIO(base64.b64decode(source))).convert("RGBA"))
    assert cells.shape[:2] == (2, 5)  # exactly one pixel a cell, which no browser blurs
    assert sorted((cells[:, :, 3] > 0).sum(axis=1).tolist()) == [3, 5]


def test_settings_of_other_programs_are_left_alone(tmp_path: Path) -> None:
    before = dict(mpl.rcParams)
    write_pictures(report([3]), tmp_path)
    assert dict(mpl.rcParams) == before


def test_a_letter_that_the_font_lacks_gives_no_warning(tmp_path: Path) -> None:
    write_pictures(replace(report([3]), sample=Sample(row=0, label="数")), tmp_path)


def test_titles_say_what_is_seen() -> None:
    found = report([4, 4])
    assert texts("biases", found)[0] == "Gate biases: −2 before training"
    assert texts("mean_gates", found)[0] == (
        "Transform gates, mean over 1,437 rows, digits (train)"
    )
    assert texts("sample_gates", found)[0] == "Transform gates for row 0 of digits (train), label 0"
    assert texts("lesions", found)[0] == "One layer closed: 1,437 rows, digits (train)"
    assert texts("joint_lesions", found)[0] == "Several layers closed: 1,437 rows, digits (train)"


def test_biases_of_different_starts_are_named_by_their_range() -> None:
    found = report([4, 4])
    layers = (replace(found.layers[0], gate_bias_before=-3.5), found.layers[1])
    title = texts("biases", replace(found, layers=layers))[0]
    assert title == "Gate biases: −3.5 to −2 before training"


def test_convolutions_have_channels_and_dense_layers_units() -> None:
    assert "unit" in texts("sample_gates", report([4]))
    assert "channel" in texts("sample_gates", report([4], kind="highway-conv"))


def test_of_many_classes_ten_are_shown_and_the_title_says_so() -> None:
    found = texts("class_gates", report([4], classes=12))
    assert found[0].endswith("that of all rows, first 10 of 12 classes")
    assert "9" in found
    assert "10" not in found


def test_a_class_without_rows_has_no_panel() -> None:
    found = report([4], classes=3)
    empty = replace(found.classes[1], rows=0, mean_gate_difference=())
    shown = texts("class_gates", replace(found, classes=(*found.classes[::2], empty)))
    assert "0" in shown
    assert "2" in shown
    assert "1" not in shown


def test_layers_of_a_pruned_network_keep_their_numbers() -> None:
    found = report([4, 4])
    pruned = replace(found, layers=(found.layers[0], replace(found.layers[1], number=7)))
    axes = drawn("sample_gates", pruned).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["1", "7"]


def test_losses_of_any_spread_are_drawn() -> None:
    found = report([4] * 3)
    for losses in ((0.0, 0.0, 0.0, 0.0), (0.1, 0.2, 0.3, 2.0), (1e-6, 1.0, 10.0, 1e6)):
        joint = tuple(
            replace(each, loss=loss) for each, loss in zip(found.joint_lesions, losses, strict=True)
        )
        intact = Outcome(accuracy=1.0, loss=losses[0])
        figure = drawn("joint_lesions", replace(found, joint_lesions=joint, intact=intact))
        assert figure.axes[1].get_yscale() == ("log" if losses[0] else "linear")


def test_equal_numbers_everywhere_are_drawn() -> None:
    found = report([2], classes=1)
    flat = replace(
        found.layers[0],
        gate_bias_after=(-2.0, -2.0),
        mean_gate=(0.0, 0.0),
        sample_gate=(0.0, 0.0),
        sample_output=(0.0, 0.0),
    )
    same = replace(found.classes[0], mean_gate_difference=((0.0, 0.0),))
    for name in PICTURES:
        drawn(name, replace(found, layers=(flat,), classes=(same,)))
