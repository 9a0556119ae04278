"""The networks of the benchmark, trained if their runs are missing."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
import torch
from sklearn.datasets import load_breast_cancer, make_classification
from torch import nn

from export import export_model
from models import LoadedData, load_data, train
from models.data.dataset import FloatRows
from models.data.usual_values import usual_values
from models.run import CONFIG, Run
from service.arrays import FloatArray, Outputs
from service.contract import LOGITS, PROBABILITIES, Input
from service.inference.usual_inputs import UsualInputs

TARGET = "label"
SEED = 0
BREAST_CANCER = "breast cancer, table-5"
SUBJECTS = {
    "digits, mnist-conv-16": ("mnist-conv-16", 10),
    "digits, dense-10": ("dense-10", 10),
    BREAST_CANCER: ("table-5", None),
}


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A trained network, the usual values of its inputs, and test rows (n, features).

    The network maps rows to logits (n, labels) and gates.
    """

    name: str
    network: nn.Module
    input: Input
    usual: UsualInputs
    rows: FloatRows

    @classmethod
    def trained(cls, runs: Path, name: str) -> Self:
        """Return the network of that name, trained in the folder of runs if it is missing."""
        preset, epochs = SUBJECTS[name]
        images = name.startswith("digits")
        data = load_data("mnist-5k") if images else load_data(breast_cancer(), target=TARGET)
        path = runs / preset
        if not (path / CONFIG).is_file():
            train(data, out=path, preset=preset, epochs=epochs, seed=SEED, show_progress=False)
        dataset = data.dataset
        return cls(
            name=name,
            network=Run(path).network().eval(),
            input=dataset.input,
            usual=UsualInputs.of(usual_values(dataset.input, dataset.train.x)),
            rows=dataset.test.x if images else np.concatenate([dataset.test.x, dataset.train.x]),
        )

    def outputs(self, rows: FloatArray) -> Outputs:
        """Compute logits and probabilities (n, labels) of rows (n, features) with torch."""
        with torch.inference_mode():
            logits, _ = self.network(torch.from_numpy(rows))
            chances = torch.softmax(logits, dim=1)
        return {LOGITS: logits.numpy(), PROBABILITIES: chances.numpy()}

    async def compute(self, rows: FloatArray) -> Outputs:
        """Compute the same where the service computes."""
        return self.outputs(rows)

    def label(self, row: FloatRows) -> int:
        """Return the index of the label of a row (features,)."""
        return int(self.outputs(row[None])[PROBABILITIES][0].argmax())


def breast_cancer() -> pd.DataFrame:
    """Return scikit-learn's table of 569 rows with 30 numbers."""
    frame: pd.DataFrame = load_breast_cancer(as_frame=True).frame
    return frame.rename(columns={"target": TARGET})


def twenty_columns(runs: Path) -> Path:
    """Return the file of a network with 20 numbers, trained with the default preset if missing."""
    file = runs / "twenty.onnx"
    if not file.is_file():
        runs.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            table = Path(folder) / "twenty.csv"
            invented_table().to_csv(table, index=False)
            data: LoadedData = load_data(table, target=TARGET)
            run = train(data, out=runs / "twenty", seed=SEED, show_progress=False)
            export_model(run.path, file, name="twenty")
    return file


def invented_table() -> pd.DataFrame:
    """Draw 4,000 rows of 20 columns with one decimal, 8 of which decide between two labels."""
    rows, labels = make_classification(
        4000, 20, n_informative=8, n_redundant=4, class_sep=1.0, random_state=SEED
    )
    frame = pd.DataFrame((10 * rows).round(1), columns=[f"column {i}" for i in range(1, 21)])
    return frame.assign(**{TARGET: np.where(labels, "yes", "no")})
