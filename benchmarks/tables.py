"""Tables without tuning, compared with scikit-learn's gradient boosting on the same splits.

    .venv/bin/python -m benchmarks.tables [--shuffles 10] [--first 0]

Four of scikit-learn's bundled tables are written as CSV. Every third column becomes the categories
low, middle and high, and one value in twenty is missing. For each shuffle of the rows the project
reads the file, splits it and trains `table-10` with default settings, and scikit-learn trains a
HistGradientBoostingClassifier with its default settings on the same rows. Both predict the same
test rows.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.ensemble import HistGradientBoostingClassifier

from models.data.dataset import Dataset
from models.data.source import Source, load
from models.networks.preparation import preparation_for
from models.presets import preset
from models.run import Run
from models.run_config import DataConfig, RunConfig
from models.training.trainer import train

TABLES = {
    "breast cancer": load_breast_cancer,
    "wine": load_wine,
    "iris": load_iris,
    "digits": load_digits,
}
CATEGORIES = ["low", "middle", "high"]


def write_csv(name: str, shuffle: int, path: Path) -> None:
    """Write the table, with categories in every third column and one value in twenty missing."""
    data = TABLES[name](as_frame=True)
    frame = data.data.copy()
    random = np.random.default_rng(shuffle)
    for column in frame.columns[::3]:
        if frame[column].nunique() > 2:
            ranks = frame[column].rank(method="first")
            frame[column] = pd.qcut(ranks, 3, labels=CATEGORIES).astype(str)
    frame = frame.mask(random.random(frame.shape) < 0.05)
    frame["kind"] = [f"kind {label}" for label in data.target]
    frame.sample(frac=1, random_state=shuffle).to_csv(path, index=False)


def highway(data: Dataset, source: Source, folder: Path) -> float:
    """Train and test the project's network with its defaults; return the test accuracy."""
    config = RunConfig.of(
        DataConfig.of(source, data),
        preset("table-10"),
        preparation_for(data.input, data.train.x),
        name="table-10",
    )
    scores = train(Run.create(folder / "run", config), config, data)
    assert scores is not None  # one machine alone
    return scores.accuracy


def boosting(data: Dataset) -> float:
    """Train and test gradient boosting with its defaults; return the test accuracy."""
    categorical = [bool(column.categories) for column in data.input.columns]
    model = HistGradientBoostingClassifier(categorical_features=categorical, random_state=0)
    model.fit(data.train.x, data.train.y)
    return float((model.predict(data.test.x) == data.test.y).mean())


def main() -> None:
    """Print the mean test accuracies over the shuffles."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shuffles", type=int, default=10)
    parser.add_argument("--first", type=int, default=0, help="the first shuffle's seed")
    options = parser.parse_args()
    shuffles = options.shuffles
    for name in TABLES:
        ours, theirs = [], []
        for shuffle in range(options.first, options.first + shuffles):
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "table.csv"
                write_csv(name, shuffle, path)
                source = Source.of(str(path), target="kind")
                data = load(source)
                ours.append(highway(data, source, Path(folder)))
                theirs.append(boosting(data))
        gap = (np.mean(ours) - np.mean(theirs)) * 100
        print(
            f"{name:14} {shuffles} shuffles of {len(data.test)} test rows: "
            f"highway {np.mean(ours):.2%}, gradient boosting {np.mean(theirs):.2%}, "
            f"{gap:+.2f} points"
        )


if __name__ == "__main__":
    main()
