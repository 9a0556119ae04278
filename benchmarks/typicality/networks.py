"""Networks of the benchmark: two presets, each trained with several seeds."""

from dataclasses import dataclass, replace
from pathlib import Path

from models.data.dataset import Dataset
from models.data.source import Source
from models.networks.preparation import preparation_for
from models.presets import preset
from models.run import CONFIG, Run
from models.run_config import DataConfig, RunConfig
from models.training.trainer import train

EPOCHS = {"dense-10": 10, "mnist-conv-16": 3}
FOLDERS = {"dense-10": "dense", "mnist-conv-16": "conv"}  # run directories: dense-0, dense-1, …


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
                f"{EPOCHS[name]} epochs on this data, found another one; choose another --runs"
            )
        if not run.finished:
            train(run, config, self.dataset, show_progress=False)
        return run

    def config(self, name: str, seed: int) -> RunConfig:
        """Describe the training of the preset with that seed."""
        chosen = preset(name)
        training = replace(chosen.training, epochs=EPOCHS[name], seed=seed)
        return RunConfig.of(
            DataConfig.of(self.source, self.dataset),
            replace(chosen, training=training),
            preparation_for(self.dataset.input, self.dataset.train.x),
            name=name,
        )
