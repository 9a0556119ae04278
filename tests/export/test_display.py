from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from export.display import report_table, summary
from export.verification import Report
from service.classifier import Classifier
from service.contract import Column, Input


def drawn(table: Table) -> str:
    console = Console(width=120)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def test_the_report_sets_each_difference_beside_what_was_allowed() -> None:
    names = ("logits", "probabilities", "gate_mean", "gate_units")
    report = Report(
        rows=180,
        batch_sizes=(1, 2),
        largest_difference=dict.fromkeys(names, 2e-6),
        largest_scaled_difference=dict.fromkeys(names, 3e-7),
        ties=1,
    )
    text = drawn(report_table(report))
    assert "batches of 1, 2" in text
    assert "│ logits             │       2.0e-06 │            3.0e-07 │    1e-04 │" in text
    assert "1 ties" in text


def test_the_summary_says_what_the_file_is(artifact_path: Path) -> None:
    metadata = Classifier.load(artifact_path).metadata
    text = drawn(summary(metadata, 12_345))
    assert "digits-custom version 1" in text
    assert "12,345 bytes" in text
    assert "image 8×8, brightness from 0 to 16" in text
    assert str(metadata.verification["digest"]) in text
    mean = metadata.gate_baseline["overall"]["mean"][2]
    bar = "█" * round(mean * 30)
    assert f"{bar.ljust(30, '·')} {mean:.3f} open, 8 units" in text


def test_a_tables_columns_are_named_with_their_categories(artifact_path: Path) -> None:
    metadata = Classifier.load(artifact_path).metadata
    columns = (Column(name="age"), Column(name="job", categories=("nurse", "pilot")))
    table = Input(kind="table", shape=(2,), unit="value", columns=columns)
    assert "│ age, job (nurse / pilot) " in drawn(summary(replace(metadata, input=table), 1))
