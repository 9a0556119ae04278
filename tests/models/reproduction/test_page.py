import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from models.reproduction.catalogue import experiment
from models.reproduction.findings import Circumstances, Comparison, Findings, Picture
from models.reproduction.page import page, table, write_page

CIRCUMSTANCES = Circumstances(
    command="highway reproduce depth --data MNIST",
    data="mnist",
    data_digest="0123456789abcdef",
    training_minutes=12.0,
    threads=1,
    processor="a processor",
    processors=2.0,
    torch="2.13.0",
    revisions=("fedcba9876543210",),
)
LOSS = Comparison(quantity="loss", paper="about 1", here="0.9", goal="≤ 2")
EPOCHS = Comparison(quantity="epochs", paper="300", here="30")


def drawn() -> Figure:
    figure = Figure()
    figure.subplots().plot([1, 2])
    return figure


FINDINGS = Findings(
    comparisons=(LOSS, EPOCHS),
    notes=("A sentence.",),
    pictures={"curve": Picture(caption="A curve.", draw=drawn)},
)


def test_the_page_has_table_notes_pictures_command_and_circumstances() -> None:
    depth = experiment("depth")
    assert (
        page(depth, FINDINGS, CIRCUMSTANCES)
        == f"""# depth

{depth.about}. Source: {depth.source}.

| what | paper | here | to reach |
| --- | --- | --- | --- |
| loss | about 1 | 0.9 | ≤ 2 |
| epochs | 300 | 30 |  |

A sentence.

![A curve.](curve.svg)

A curve.

## How to repeat it

    highway reproduce depth --data MNIST

Data mnist with digest 0123456789ab; 12 minutes of training, summed over processes of 1 thread; \
2 processors (a processor), torch 2.13.0, revision fedcba987654. The same command on the same kind \
of machine gives the same numbers. Numbers and losses of every epoch: [results.json](results.json).
"""
    )


@pytest.mark.parametrize(
    ("revisions", "words"),
    [
        ((), "torch 2.13.0. The"),
        (("unknown",), "torch 2.13.0. The"),
        (("0123456789abcdef+changes",), "torch 2.13.0, revision 0123456789ab+changes. The"),
        (("0123456789abcdef", "unknown", "f" * 40), "revision 0123456789ab, ffffffffffff. The"),
    ],
)
def test_the_page_names_the_known_revisions_of_its_trainings(
    revisions: tuple[str, ...], words: str
) -> None:
    text = page(experiment("depth"), FINDINGS, replace(CIRCUMSTANCES, revisions=revisions))
    assert words in text


def test_a_table_without_goals_has_no_column_for_them() -> None:
    assert table((EPOCHS,)) == (
        "| what | paper | here |\n| --- | --- | --- |\n| epochs | 300 | 30 |"
    )


def test_the_page_and_its_pictures_are_written(tmp_path: Path) -> None:
    write_page(tmp_path, experiment("depth"), FINDINGS, CIRCUMSTANCES)
    assert (tmp_path / "README.md").read_text().startswith("# depth\n")
    assert ET.parse(tmp_path / "curve.svg").getroot().tag == "{http://www.w3.org/2000/svg}svg"
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_findings_without_comparisons_have_no_table() -> None:
    text = page(experiment("pruning"), Findings(comparisons=()), CIRCUMSTANCES)
    assert "| what |" not in text
