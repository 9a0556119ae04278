"""`evaluate`: scores of a trained network on a part of its data, or on other data."""

from dataclasses import replace
from pathlib import Path

from torch import nn

from models.data.dataset import Part, SplitName
from models.data.source import MEMORY
from models.errors import ConfigError
from models.interface.loading import LoadedData, labelled
from models.interface.memory import AnyData
from models.interface.result import TrainingResult
from models.interface.wording import in_python_words, warn
from models.run import Run
from models.run_config import RunConfig
from models.run_rows import check_rows, other_rows, other_source, own_rows
from models.scores import Scores, score


def evaluate(
    run: TrainingResult | Path | str,
    data: AnyData | LoadedData | None = None,
    *,
    part: SplitName | None = None,
    network: nn.Module | None = None,
    target: str | None = None,
    moved: str | None = None,
) -> Scores:
    """Score a result of `train`, or a run directory, on the test rows of its own data.

    `part` selects the validation or training rows instead. Other `data` are anything that
    `load_data` takes, and are read in the same way as those of the run: its own test rows, or all
    rows without any. `network` is a module of the class that a run directory was trained with, if
    it is one's own. `moved` is where the run's own data are, if they have moved.
    """
    notes: tuple[str, ...] = ()
    with in_python_words():
        result = run if isinstance(run, TrainingResult) else None
        of = result.run if result else Run(Path(run))  # type: ignore[arg-type]
        config = of.config()
        trained = result.network if result else of.classifier(network, config)
        if data is None:
            rows = _own(result, of, config, part or "test", moved)
        elif part is not None:
            raise ConfigError("part: has an effect only without data; leave it out")
        else:
            rows, notes = _other(config, data, target)
        scores = score(trained, rows, config.data.labels)
    warn(notes)
    return scores


def _own(
    result: TrainingResult | None, run: Run, config: RunConfig, part: SplitName, moved: str | None
) -> Part:
    if result is None or part not in ("train", "validation", "test"):
        return own_rows(run, config, part, data=moved)[1]
    rows = result.data.dataset.part(part)
    check_rows(rows, part)
    return rows


def _other(
    config: RunConfig, data: AnyData | LoadedData, target: str | None
) -> tuple[Part, tuple[str, ...]]:
    """Return the rows of other data, and notes on how they were read."""
    if isinstance(data, LoadedData):
        raise ConfigError(
            "data: expected what load_data takes, found its result, whose categories may have "
            "other numbers than those of the training; give the path, data frame or arrays"
        )
    is_file = isinstance(data, str | Path)
    source = other_source(
        config,
        str(data) if is_file else MEMORY,
        target=target,
        exclude=(),
        delimiter=None,
        encoding=None,
    )
    if not is_file:
        source = replace(source, text=replace(source.text, delimiter=None, encoding=None))
    read = labelled(data, source, config.data.schema)
    return other_rows(read)[1], read.notes
