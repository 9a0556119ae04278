"""Training of one run from start to end, or resumed from its checkpoint."""

import importlib.util
import math
import signal
import time
from functools import partial
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from torch.multiprocessing.spawn import ProcessRaisedException

from models.data.dataset import Dataset
from models.errors import ConfigError, DataError, DivergedError, RunError
from models.evaluation import Evaluation, evaluate
from models.gates.record import record_gates
from models.networks.network import HighwayClassifier
from models.recipe import Hardware, TrainConfig, check_training
from models.run import CHECKPOINT, Run
from models.run_config import RunConfig
from models.training.batches import training_batches
from models.training.logging import quiet_logs
from models.training.module import HighwayTraining

USER_ERRORS = (ConfigError, DataError, DivergedError, RunError)
BEST = "best.ckpt"  # the weights with the lowest validation loss, written for early stopping only


def train(
    run: Run,
    config: RunConfig,
    dataset: Dataset,
    hardware: Hardware | None = None,
    *,
    start: HighwayClassifier | None = None,
    show_progress: bool = True,
) -> Evaluation | None:
    """Train the network of `config`, fill the run directory and return the test scores.

    The initial weights are random, or those of `start`, a network of the same blocks. A run
    directory with a checkpoint is resumed after its last complete epoch, and ends with the same
    weights as an uninterrupted training. On several machines only the first writes the run and
    scores it; the others return None.
    """
    hardware = hardware or Hardware()
    check_training(config.training, hardware, dataset)
    torch.manual_seed(config.training.seed)
    network = HighwayClassifier(config.network)
    if start is None:
        network.fit_preparation(torch.from_numpy(dataset.train.x))
    else:
        network.load_state_dict(start.state_dict())
    began = time.perf_counter()
    training = HighwayTraining(network, dataset, run, config.training)
    if not show_progress:
        training.progress.disable()
    if not _fit(training, hardware):
        return None
    # A training stopped after its last epoch may already have written its test scores.
    run.keep_epochs(_load(run.path / CHECKPOINT)["epoch"] + 1)
    if config.training.patience is not None:
        training.load_state_dict(_load(run.path / BEST)["state_dict"])
    test = evaluate(network, dataset.test)
    if not math.isfinite(test.loss):
        raise DivergedError(
            f"after training: expected a finite test loss, found {test.loss}; lower --learning-rate"
        )
    run.append_test_metrics(network, test, seconds=round(time.perf_counter() - began, 3))
    gates = record_gates(network, dataset) if config.network.highway_blocks else None
    run.finish(network, gates)
    return test


def _fit(training: HighwayTraining, hardware: Hardware) -> bool:
    """Train; return whether this process is the one that writes the run."""
    config, run = training.config, training.run
    batches = training_batches(
        training.dataset.train,
        batch_size=config.batch_size,
        seed=config.seed,
        processes=hardware.processes,
    )
    checkpoint = _checked_checkpoint(run)
    with quiet_logs():
        try:
            trainer = Trainer(
                accelerator=hardware.accelerator,
                devices=hardware.devices,
                num_nodes=hardware.nodes,
                strategy="ddp_spawn" if hardware.processes > 1 else "auto",
                use_distributed_sampler=False,  # `EpochSampler` divides each batch
                precision=config.precision,
                max_epochs=config.epochs,
                gradient_clip_val=config.gradient_clip or None,
                callbacks=[training.progress, *_callbacks(run, config)],
                enable_model_summary=False,
                logger=TensorBoardLogger(run.path, name="tensorboard", version="")
                if importlib.util.find_spec("tensorboard")
                else False,
            )
            trainer.fit(training, batches, ckpt_path=checkpoint, weights_only=True)
            return bool(trainer.is_global_zero)
        except SystemExit as stop:  # raised by Lightning after Ctrl-C and SIGTERM
            if trainer.strategy.launcher is not None:  # else its processes continue the training
                trainer.strategy.launcher.kill(signal.SIGKILL)
            raise run.stopped() from stop
        except ProcessRaisedException as error:
            raise _user_error(error) from error
        except MisconfigurationException as error:
            raise ConfigError(f"--accelerator: {str(error).splitlines()[0]}") from error


def _checked_checkpoint(run: Run) -> Path | None:
    """Return the checkpoint's path, or None before the first epoch; loaded only to validate it."""
    path = run.checkpoint()
    if path is not None:
        try:
            _load(path)
        except (EOFError, OSError, RuntimeError, UnpicklingError) as error:
            raise RunError(
                f"{path}: the checkpoint is damaged; remove it to train from the start"
            ) from error
    return path


def _load(checkpoint: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(checkpoint, weights_only=True, map_location="cpu")
    return state


def _user_error(error: ProcessRaisedException) -> Exception:
    """Return the user's error that ended another process; for any other error, `error` itself.

    The message of `error` is the other process's traceback as text.
    """
    name, _, message = str(error).strip().splitlines()[-1].partition(": ")
    kinds = {f"{kind.__module__}.{kind.__qualname__}": kind for kind in USER_ERRORS}
    return kinds[name](message) if name in kinds else error


class ResumableStopping(EarlyStopping):
    """Early stopping that stays in effect when a stopped training is resumed."""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop before an epoch that the uninterrupted training would not have run."""
        trainer.should_stop = trainer.should_stop or self.wait_count >= self.patience


def _callbacks(run: Run, config: TrainConfig) -> list[Callback]:
    checkpoint = partial(
        ModelCheckpoint, dirpath=run.path, save_top_k=1, enable_version_counter=False
    )
    latest = checkpoint(filename=CHECKPOINT.removesuffix(".ckpt"))
    if config.patience is None:
        return [latest]
    best = checkpoint(
        filename=BEST.removesuffix(".ckpt"), monitor="validation_loss", save_weights_only=True
    )
    # Early stopping runs before `latest`, whose checkpoint must contain its state.
    return [ResumableStopping("validation_loss", patience=config.patience), best, latest]
