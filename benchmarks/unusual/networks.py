"""The networks that are asked: two presets, each trained with several seeds."""

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
    """The data, and the folder that keeps the runs."""

    source: Source
    dataset: Dataset
    runs: Path

    def trained(self, name: str, seed: int) -> Run:
        """Train the preset, or find it finished; another training in its place ends the program."""
        config = self.config(name, seed)
        path = self.runs / f"{FOLDERS[name]}-{seed}"
        run = Run(path) if (path / CONFIG).is_file() else Run.create(path, config)
        found = run.config()
        if (found.network, found.training, found.data.digest) != (
            config.network,
            config.training,
            config.data.digest,
        ):
            raise SystemExit(
                f"{path}: expected {name} of seed {seed}, {EPOCHS[name]} epochs on this data, "
                "found another training; name another folder with --runs"
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
