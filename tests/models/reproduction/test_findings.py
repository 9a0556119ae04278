import json
from dataclasses import asdict
from pathlib import Path

import torch

from models.reproduction.findings import Circumstances, Comparison, Findings, write_results
from service.processors import usable_processors


def circumstances() -> Circumstances:
    return Circumstances.of(
        command="highway reproduce depth",
        data="mnist",
        digest="0123",
        training_minutes=12.3456,
        threads=1,
        revisions=("fedc",),
    )


def test_the_circumstances_describe_the_machine() -> None:
    how = circumstances()
    assert how.training_minutes == 12.3
    assert how.torch == torch.__version__
    assert how.processors == usable_processors()
    assert how.processor


def test_the_results_are_everything_but_the_pictures(tmp_path: Path) -> None:
    row = Comparison(quantity="loss", paper="about 1", here="0.9", goal="≤ 2")
    findings = Findings(comparisons=(row,), notes=("A sentence.",), numbers={"loss": [0.9, None]})
    write_results(tmp_path, "depth", findings, circumstances())
    assert json.loads((tmp_path / "results.json").read_text()) == {
        "experiment": "depth",
        "comparisons": [{"quantity": "loss", "paper": "about 1", "here": "0.9", "goal": "≤ 2"}],
        "notes": ["A sentence."],
        "numbers": {"loss": [0.9, None]},
        "circumstances": {**asdict(circumstances()), "revisions": ["fedc"]},
    }
