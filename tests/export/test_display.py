from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from export.artifact import Exported
from export.display import quantised_words, report_table, report_words, summary
from export.labels import LabelReport
from export.quantisation import QuantisedReport
from export.report import OutputReport, Report
from service.classifier import Classifier
from service.contract import Column, ContractError, Input


def drawn(table: Table) -> str:
    console = Console(width=120)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def report(ties: tuple[int, ...] = ()) -> Report:
    return Report(
        test_rows=1800,
        outputs=(
            OutputReport(
                rows_of="test rows",
                output="logits",
                own_error=1e-6,
                largest_error=2e-6,
                allowed=8e-6,
            ),
        ),
        largest_difference={"logits": 3e-6},
        labels=LabelReport(torch_accuracy=0.9777, accuracy=0.975, ties=ties),
    )


def test_the_report_sets_each_error_beside_torchs_own_and_what_was_allowed() -> None:
    text = drawn(report_table(report()))
    assert "│ test rows │ logits │       1.0e-06 │    2.0e-06 │ 8.0e-06 │" in text
    words = " ".join(text.split())
    assert "allowed: 8 times float32's own, of what is unusual 64 times; the file's: the" in words
    assert "batches of 1, 2, 3, 7, 32 and 1024" in words


def test_the_whole_test_set_is_told_in_words_with_its_ties() -> None:
    assert report_words(report(ties=(3, 70))) == (
        "all 1,800 test rows: the labels torch names, accuracy 97.50% (torch 97.77%), largest "
        "difference of logits 3.0e-06, 2 too close to call: rows 3, 70"
    )
    assert report_words(report()).endswith("largest difference of logits 3.0e-06")


def test_the_summary_says_what_the_file_is(artifact_path: Path) -> None:
    metadata = Classifier.load(artifact_path).metadata
    text = drawn(summary(metadata, 12_345))
    assert "digits-custom version 1" in text
    assert "12,345 bytes" in text
    assert "image 8×8, brightness from 0 to 16" in text
    assert str(metadata.verification["digest"]) in text
    assert "180 test rows against torch, accuracy " in text
    assert "3 golden rows" in " ".join(text.replace("│", "").split())
    mean = metadata.gate_baseline["overall"]["mean"][2]
    bar = "█" * round(mean * 30)
    assert f"{bar.ljust(30, '·')} {mean:.3f} open, 8 units" in text


def test_a_tables_columns_are_named_with_their_categories(artifact_path: Path) -> None:
    metadata = Classifier.load(artifact_path).metadata
    columns = (Column(name="age"), Column(name="job", categories=("nurse", "pilot")))
    table = Input(kind="table", shape=(2,), unit="value", columns=columns)
    assert "│ age, job (nurse / pilot) " in drawn(summary(replace(metadata, input=table), 1))


def test_a_pruned_network_says_what_it_was_pruned_from(artifact_path: Path) -> None:
    metadata = Classifier.load(artifact_path).metadata
    pruned = {**metadata.training, "pruning": {"trained_layers": 49}}
    text = drawn(summary(replace(metadata, training=pruned), 1))
    assert "custom, 3 highway layers, pruned from 49" in text


def test_markup_and_control_letters_of_a_file_are_text(artifact_path: Path) -> None:
    metadata = Classifier.load(artifact_path).metadata
    text = drawn(summary(replace(metadata, labels=("[/red]", "[bold]x", "a\x1b[2Jb")), 1))
    assert "[/red], [bold]x, a[2Jb" in text


@pytest.mark.parametrize(
    "changes",
    [
        {"gate_baseline": {}},
        {"gate_baseline": {"overall": {"mean": [0.1]}}},
        {"training": {"config": []}},
        {"verification": {"digest": "0", "report": []}},
    ],
)
def test_metadata_of_another_form_is_one_sentence(
    artifact_path: Path, changes: dict[str, object]
) -> None:
    metadata = Classifier.load(artifact_path).metadata
    with pytest.raises(ContractError) as error:
        summary(replace(metadata, **changes), 1)  # type: ignore[arg-type]
    assert str(error.value) == (
        "metadata: expected training, baseline and verification as `python -m export onnx` writes "
        "them, found others"
    )


def test_whole_numbers_are_told_beside_float32() -> None:
    small = QuantisedReport(
        label_changes=18,
        test_rows=10_000,
        accuracy=0.974,
        largest_probability_change=0.3,
        largest_gate_mean_change=0.0101,
    )
    found = Exported(
        report=report(), quantised=small, byte_ratio=0.451, latency_ratios=(1.52, 1.37)
    )
    assert quantised_words(found) == (
        "int8: 18 of 10,000 test rows have another label, accuracy 97.40% (float32 97.50%), "
        "probabilities within 0.30, mean gates within 0.010; 0.45 times the bytes, here 1.52 times "
        "float32's latency for 1 row and 1.37 for 32"
    )
