from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from export.report import (
    ExportReport,
    LabelReport,
    OutputReport,
    QuantisedReport,
    Report,
    quantised_sentence,
    report_sentence,
    report_table,
    summary,
)
from service.classifier import Classifier
from service.contract import Column, ContractError, Input, Metadata


@pytest.fixture(scope="module")
def metadata(artifact_path: Path) -> Metadata:
    return Classifier.load(artifact_path).metadata


def rendered(table: Table) -> str:
    console = Console(width=120)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def report(ties: tuple[int, ...] = ()) -> Report:
    output = OutputReport(
        reference="test rows",
        output="logits",
        float32_error=1e-6,
        largest_error=2e-6,
        allowed=8e-6,
    )
    return Report(
        test_rows=1800,
        outputs=(output,),
        largest_difference={"logits": 3e-6},
        labels=LabelReport(torch_accuracy=0.9777, accuracy=0.975, ties=ties),
    )


def test_the_table_has_the_error_of_torch_of_the_file_and_the_allowed_one() -> None:
    text = rendered(report_table(report()))
    assert "│ test rows │ logits │          1.0e-06 │ 2.0e-06 │ 8.0e-06 │" in text
    caption = " ".join(text.split())
    assert "8 times the error of torch in float32, 64 times for typicality; file: the" in caption
    assert "batches of 1, 2, 3, 7, 32 and 1024" in caption


def test_the_results_on_the_test_set_are_one_sentence_with_the_ties() -> None:
    assert report_sentence(report(ties=(3, 70))) == (
        "all 1,800 test rows: same labels as torch, accuracy 97.50% (torch 97.77%), largest "
        "difference of logits 3.0e-06, 2 ties: rows 3, 70"
    )
    assert report_sentence(report()).endswith("largest difference of logits 3.0e-06")


def test_the_changes_by_int8_are_one_sentence() -> None:
    quantised = QuantisedReport(
        label_changes=18,
        test_rows=10_000,
        accuracy=0.974,
        largest_probability_change=0.3,
        largest_gate_mean_change=0.0101,
    )
    exported = ExportReport(
        report=report(), quantised=quantised, byte_ratio=0.451, latency_ratios=(1.52, 1.37)
    )
    assert quantised_sentence(exported) == (
        "int8: 18 of 10,000 test rows have another label, accuracy 97.40% (float32 97.50%), "
        "probabilities within 0.30, mean gates within 0.010; 0.45 times the bytes, 1.52 times the "
        "latency for 1 row and 1.37 for 32 on this machine"
    )


def test_the_summary_describes_the_file(metadata: Metadata) -> None:
    text = rendered(summary(metadata, 12_345))
    assert "digits-custom version 1" in text
    assert "12,345 bytes" in text
    assert "image 8×8, brightness from 0 to 16" in text
    assert str(metadata.verification["digest"]) in text
    assert "180 test rows compared with torch, accuracy " in text
    assert "3 golden rows" in " ".join(text.replace("│", "").split())
    mean = metadata.gate_baseline["overall"]["mean"][2]
    bar = "█" * round(mean * 30)
    assert f"{bar.ljust(30, '·')} {mean:.3f} open, 8 units" in text


def test_the_summary_of_a_table_has_its_columns_and_categories(metadata: Metadata) -> None:
    columns = (Column(name="age"), Column(name="job", categories=("nurse", "pilot")))
    table = Input(kind="table", shape=(2,), unit="value", columns=columns)
    assert "│ age, job (nurse / pilot) " in rendered(summary(replace(metadata, input=table), 1))


def test_the_summary_of_a_pruned_network_has_its_former_layers(metadata: Metadata) -> None:
    pruned = {**metadata.training, "pruning": {"trained_layers": 49}}
    text = rendered(summary(replace(metadata, training=pruned), 1))
    assert "custom, 3 highway layers, pruned from 49" in text


def test_markup_and_control_characters_of_a_file_are_plain_text(metadata: Metadata) -> None:
    text = rendered(summary(replace(metadata, labels=("[/red]", "[bold]x", "a\x1b[2Jb")), 1))
    assert "[/red], [bold]x, a\\x1b[2Jb" in text


@pytest.mark.parametrize(
    "changes",
    [
        {"gate_baseline": {}},
        {"gate_baseline": {"overall": {"mean": [0.1]}}},
        {"training": {"config": []}},
        {"verification": {"digest": "0", "report": []}},
    ],
)
def test_metadata_of_another_form_are_a_contract_error(
    changes: dict[str, object], metadata: Metadata
) -> None:
    with pytest.raises(ContractError) as error:
        summary(replace(metadata, **changes), 1)  # type: ignore[arg-type]
    assert str(error.value) == (
        "metadata: training, gate baseline or verification are not as `highway export` writes "
        "them; export the run again"
    )
