"""Networks of the benchmark: two presets, each trained with several seeds."""

from dataclasses import dataclass, replace
from pathlib import Path

from models.data.dataset import Dataset
from models.data.source import Source
from models.gates.record import MIN_NORMAL_ROWS
from models.networks.preparation import preparation_for
from models.presets import preset
from models.run import CONFIG, Run
from models.run_config import DataConfig, RunConfig
from models.training.trainer import train

FOLDERS = {"dense-10": "dense", "mnist-conv-16": "conv"}  # run directories: dense-0, dense-1, …
CONVOLUTIONAL = "mnist-conv-16"
EPOCHS = {"dense-10": 10}  # in place of the preset's own number


@dataclass(frozen=True, kw_only=True)
class Networks:
    """The data set, and the folder of the run directories."""

    source: Source
    dataset: Dataset
    runs: Path

    def trained(self, name: str, seed: int) -> Run:
        """Return the finished run of the preset, trained if missing.

        Raises `SystemExit` if its folder has another training.
        """
        config = self.config(name, seed)
        path = self.runs / f"{FOLDERS[name]}-{seed}"
        run = Run(path) if (path / CONFIG).is_file() else Run.create(path, config)
        existing = run.config()
        if (existing.network, existing.training, existing.data.digest) != (
            config.network,
            config.training,
            config.data.digest,
        ):
            raise SystemExit(
                f"{path}: expected a training of {name} with seed {seed} and "
                f"{config.training.epochs} epochs on this data, found another one; choose another "
                "--runs"
            )
        if not run.finished:
            train(run, config, self.dataset, show_progress=False)
        return run

    def config(self, name: str, seed: int) -> RunConfig:
        """Describe the training of the preset with that seed."""
        chosen = preset(name)
        epochs = EPOCHS.get(name, chosen.training.epochs)
        return RunConfig.of(
            DataConfig.of(self.source, self.dataset),
            replace(chosen, training=replace(chosen.training, epochs=epochs, seed=seed)),
            preparation_for(self.dataset.input, self.dataset.train.x),
            name=name,
        )


def finished_runs(name: str, folder: Path) -> list[Run]:
    """Return the finished runs of the preset among the sub-directories of `folder`, by seed.

    Raises `SystemExit` if there is none, or one of another preset.
    """
    runs = [run for run in map(Run, folder.glob("*")) if run.finished]
    if not runs:
        raise SystemExit(
            f"{folder}: expected run directories of finished trainings of {name}, found none; "
            f"`highway reproduce {name}` writes them"
        )
    for run in runs:
        found = run.config().preset
        if found != name:
            raise SystemExit(
                f"{run.path}: expected a training of {name}, found one of {found}; choose a folder "
                f"of {name} alone"
            )
    return sorted(runs, key=lambda run: (run.config().training.seed, run.path.name))


def with_held_out_rows(dataset: Dataset) -> Dataset:
    """Return the data with rows to calibrate on, in `validation`.

    Without enough validation rows, every second test row is taken. The network was trained on all
    others, and only the remaining test rows are ordinary rows then.
    """
    if len(dataset.validation) >= MIN_NORMAL_ROWS:
        return dataset
    return replace(
        dataset,
        validation=dataset.test.take(slice(0, None, 2)),
        test=dataset.test.take(slice(1, None, 2)),
    )
