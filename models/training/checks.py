"""What can be known to be wrong with a training before it begins."""

from models.data.dataset import Dataset
from models.errors import ConfigError
from models.recipe import Hardware, TrainConfig


def check_training(config: TrainConfig, hardware: Hardware, dataset: Dataset) -> None:
    """Raise `ConfigError` for settings that do not go together, or with the data."""
    if config.patience is not None and not len(dataset.validation):
        raise ConfigError(
            "--patience: expected validation rows to watch, found none; "
            "give --validation-share a number above 0"
        )
    if config.precision == "16-mixed" and hardware.accelerator != "gpu":
        raise ConfigError(
            "--precision: expected 32-true or bf16-mixed, found 16-mixed without --accelerator gpu"
        )
    if config.batch_size % hardware.processes:
        raise ConfigError(
            f"--batch-size: expected a multiple of {hardware.processes}, the processes that share "
            f"each batch, found {config.batch_size}"
        )
