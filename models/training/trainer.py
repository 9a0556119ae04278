"""One training from start to end, or on from where it was interrupted."""

import importlib.util
import math
import signal
import time
from pathlib import Path
from pickle import UnpicklingError

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
from models.recipe import Hardware, TrainConfig
from models.run import CHECKPOINT, Run
from models.run_config import RunConfig
from models.training.batches import training_batches
from models.training.checks import check_training
from models.training.lesson import HighwayTraining
from models.training.quiet import silenced

USER_ERRORS = (ConfigError, DataError, DivergedError, RunError)
BEST = "best.ckpt"  # the weights of the best epoch so far, where early stopping asks for them


def train(
    run: Run,
    config: RunConfig,
    dataset: Dataset,
    hardware: Hardware | None = None,
    *,
    start: HighwayClassifier | None = None,
    show_progress: bool = True,
) -> Evaluation | None:
    """Train the network of `config`, fill the run directory, return the test scores.

    It starts as the papers' networks do, or with the weights of `start`, of the same blocks.

    A run directory that holds a checkpoint is gone on with, from its last whole epoch, to the same
    weights as without the interruption. Of several machines the first alone writes and scores; the
    others return None.
    """
    hardware = hardware or Hardware()
    check_training(config.training, hardware, dataset)
    torch.manual_seed(config.training.seed)
    network = HighwayClassifier(config.network)
    if start is None:
        network.measure(torch.from_numpy(dataset.train.x))
    else:
        network.load_state_dict(start.state_dict())
    began = time.perf_counter()
    training = HighwayTraining(network, dataset, run, config.training)
    if not show_progress:
        training.progress.disable()
    if not _fit(training, hardware):
        return None
    # A training that was stopped after its last epoch may have written its last line already.
    run.keep_epochs(_whole_epochs(run))
    if config.training.patience is not None:
        _take_best(training)
    test = evaluate(network, dataset.test)
    if not math.isfinite(test.loss):
        raise DivergedError(
            f"after training: expected a finite test loss, found {test.loss}; lower --learning-rate"
        )
    run.append_metrics(
        test_rows=test.rows,
        test_accuracy=round(test.accuracy, 6),
        test_loss=round(test.loss, 6),
        parameters=network.parameter_count(),
        seconds=round(time.perf_counter() - began, 3),
    )
    gates = record_gates(network, dataset) if config.network.highway_blocks else None
    run.finish(network, gates)
    return test


def _fit(training: HighwayTraining, hardware: Hardware) -> bool:
    """Train; return whether this is the process that writes the run."""
    config, run = training.config, training.run
    batches = training_batches(
        training.dataset.train,
        batch_size=config.batch_size,
        seed=config.seed,
        processes=hardware.processes,
    )
    checkpoint = _sound_checkpoint(run)
    with silenced():
        try:
            trainer = Trainer(
                accelerator=hardware.accelerator,
                devices=hardware.devices,
                num_nodes=hardware.nodes,
                strategy="ddp_spawn" if hardware.processes > 1 else "auto",
                use_distributed_sampler=False,  # ours shares each batch out
                precision=config.precision,
                max_epochs=config.epochs,
                gradient_clip_val=config.gradient_clip or None,
                callbacks=[training.progress, *_callbacks(run, config)],
                enable_model_summary=False,
                logger=_tensorboard(run),
            )
            trainer.fit(training, batches, ckpt_path=checkpoint, weights_only=True)
            return bool(trainer.is_global_zero)
        except SystemExit as stop:  # what Lightning makes of Ctrl-C and SIGTERM
            if trainer.strategy.launcher is not None:  # its processes would train on
                trainer.strategy.launcher.kill(signal.SIGKILL)
            raise run.stopped() from stop
        except ProcessRaisedException as error:
            raise _from_process(error) from error
        except MisconfigurationException as error:
            raise ConfigError(f"--accelerator: {str(error).splitlines()[0]}") from error


def _whole_epochs(run: Run) -> int:
    """Count the epochs that the checkpoint of a training has seen."""
    path = run.checkpoint()
    assert path is not None
    return int(torch.load(path, weights_only=True, map_location="cpu")["epoch"]) + 1


def _sound_checkpoint(run: Run) -> Path | None:
    path = run.checkpoint()
    if path is not None:
        try:
            torch.load(path, weights_only=True, map_location="cpu")
        except (EOFError, OSError, RuntimeError, UnpicklingError) as error:
            raise RunError(
                f"{path}: expected the state of a training, found a damaged file; "
                "remove it to begin again"
            ) from error
    return path


def _take_best(training: HighwayTraining) -> None:
    """Take the weights of the epoch with the lowest validation loss."""
    best = torch.load(training.run.path / BEST, weights_only=True, map_location="cpu")
    training.load_state_dict(best["state_dict"])


def _from_process(error: ProcessRaisedException) -> Exception:
    """Return the error that another process ended with, where it was meant for the user.

    What arrives is its traceback as text; any other error is a fault of the program and stays.
    """
    name, _, message = str(error).strip().splitlines()[-1].partition(": ")
    kinds = {f"{kind.__module__}.{kind.__qualname__}": kind for kind in USER_ERRORS}
    return kinds[name](message) if name in kinds else error


class ResumableStopping(EarlyStopping):
    """Early stopping that still knows, when it is gone on with, that it had stopped."""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop before an epoch that the uninterrupted training would not have had."""
        trainer.should_stop = trainer.should_stop or self.wait_count >= self.patience


def _callbacks(run: Run, config: TrainConfig) -> list[Callback]:
    latest = ModelCheckpoint(
        dirpath=run.path,
        filename=CHECKPOINT.removesuffix(".ckpt"),
        save_top_k=1,
        enable_version_counter=False,
    )
    if config.patience is None:
        return [latest]
    best = ModelCheckpoint(
        dirpath=run.path,
        filename=BEST.removesuffix(".ckpt"),
        monitor="validation_loss",
        save_top_k=1,
        save_weights_only=True,
        enable_version_counter=False,
    )
    # The stopper comes before `latest`, whose file has to know of the stop.
    return [ResumableStopping("validation_loss", patience=config.patience), best, latest]


def _tensorboard(run: Run) -> TensorBoardLogger | bool:
    if importlib.util.find_spec("tensorboard") is None:
        return False
    return TensorBoardLogger(run.path, name="tensorboard", version="")
