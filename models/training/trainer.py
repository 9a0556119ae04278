"""Training of one run from start to end, or resumed from its checkpoint."""

import importlib.util
import math
import signal
import time
from pathlib import Path
from pickle import UnpicklingError

import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback
from torch.multiprocessing.spawn import ProcessRaisedException

from models.data.dataset import Dataset
from models.errors import ConfigError, DataError, DivergedError, RunError
from models.evaluation import Evaluation, evaluate
from models.gates.record import record_gates
from models.kept_rows import KeptRows
from models.networks.custom import CustomNetwork
from models.networks.network import HighwayClassifier
from models.recipe import Hardware, check_training
from models.run import CHECKPOINT, Run
from models.run_config import RunConfig
from models.training.allocator import keep_freed_memory
from models.training.batches import training_batches
from models.training.checkpoints import (
    SECONDS,
    DeferredCheckpoints,
    EpochKeeper,
    ResumableStopping,
    kept_epoch,
    load_checkpoint,
)
from models.training.event_files import EventFiles
from models.training.logging import quiet_logs
from models.training.module import HighwayTraining
from models.training.threads import torch_threads

MIN_GAIN = 1e-3  # of the validation loss, in nats, below which an epoch counts as no better
USER_ERRORS = (ConfigError, DataError, DivergedError, RunError)


def train(
    run: Run,
    config: RunConfig,
    dataset: Dataset,
    hardware: Hardware | None = None,
    *,
    start: HighwayClassifier | None = None,
    custom: CustomNetwork | None = None,
    show_progress: bool = True,
    with_gates: bool = True,
) -> Evaluation | None:
    """Train the network of `config`, fill the run directory and return the test scores.

    The initial weights are random, or those of `start`, a network of the same blocks; a `custom`
    network is trained in place, from the weights that it has. The weights
    of the best epoch are kept, or of the last (`TrainConfig.keep`). A run directory with a
    checkpoint is resumed after its last complete epoch, and ends with the same weights as an
    uninterrupted training. Without `with_gates` the statistics of the gates are left out, which for
    a deep network take longer than an epoch; such a run cannot be exported. On several machines
    only the first writes the run and scores it; the others return None.
    """
    hardware = hardware or Hardware()
    check_training(config.training, hardware)
    keep_freed_memory()
    torch.manual_seed(config.training.seed)
    network = custom or _initial(config, dataset, start)
    began = time.perf_counter()
    training = HighwayTraining(network, dataset, run, config.training, processes=hardware.processes)
    if not show_progress:
        training.progress.disable()
    with torch_threads(config.training.threads):
        if not _fit(training, hardware):
            return None
        return _finish(training, began, with_gates=with_gates)


def _initial(
    config: RunConfig, dataset: Dataset, start: HighwayClassifier | None
) -> HighwayClassifier:
    """Build the network, with random weights or those of `start`."""
    network = HighwayClassifier(config.network)
    if start is None:
        network.fit_preparation(torch.from_numpy(dataset.train.x))
    else:
        network.load_state_dict(start.state_dict())
    return network


def _finish(training: HighwayTraining, began: float, *, with_gates: bool) -> Evaluation:
    """Keep the chosen epoch's weights, score them and write the files of a finished run."""
    run, network, dataset = training.run, training.network, training.dataset
    checkpoint = load_checkpoint(run.path / CHECKPOINT)
    # A training stopped after its last epoch may already have written its test scores.
    run.keep_epochs(checkpoint["epoch"] + 1)
    epoch, weights = kept_epoch(checkpoint)
    training.load_state_dict(weights)
    test = evaluate(network, dataset.test)
    if not math.isfinite(test.loss):
        raise DivergedError(
            f"after training: expected a finite test loss, found {test.loss}; lower --learning-rate"
        )
    seconds = round(time.perf_counter() - began, 3)
    run.append_test_metrics(network, test, kept_epoch=epoch, seconds=seconds)
    gates = record_gates(network, dataset) if with_gates and network.gate_layers else None
    run.finish(network, gates, KeptRows.of(dataset))
    return test


def _fit(training: HighwayTraining, hardware: Hardware) -> bool:
    """Train; return whether this process is the one that writes the run."""
    config, run = training.config, training.run
    batches = training_batches(training.dataset.train, training.sampler)
    checkpoint = _checked_checkpoint(run)
    # Several processes are killed when the first one is stopped, so nothing is deferred in them.
    seconds = SECONDS if hardware.processes == 1 else 0.0
    writer = DeferredCheckpoints(run.path / CHECKPOINT, seconds=seconds)
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
                callbacks=[training.progress, *_callbacks(training, writer)],
                plugins=[writer],
                enable_model_summary=False,
                logger=EventFiles(run.path, name="tensorboard", version="")
                if importlib.util.find_spec("tensorboard")
                else False,
            )
            trainer.fit(training, batches, ckpt_path=checkpoint, weights_only=True)
            return bool(trainer.is_global_zero)
        except SystemExit as stop:  # raised by Lightning after Ctrl-C and SIGTERM
            if trainer.strategy.launcher is not None:  # else its processes continue the training
                trainer.strategy.launcher.kill(signal.SIGKILL)
            raise run.stopped(hardware) from stop
        except ProcessRaisedException as error:
            raise _user_error(error) from error
        except MisconfigurationException as error:
            raise ConfigError(f"--accelerator: {str(error).splitlines()[0]}") from error


def _checked_checkpoint(run: Run) -> Path | None:
    """Return the checkpoint's path, or None before the first epoch; loaded only to validate it."""
    path = run.checkpoint()
    if path is not None:
        try:
            load_checkpoint(path)
        except (EOFError, OSError, RuntimeError, UnpicklingError) as error:
            raise RunError(
                f"{path}: the checkpoint is damaged; remove it to train from the start"
            ) from error
    return path


def _user_error(error: ProcessRaisedException) -> Exception:
    """Return the user's error that ended another process; for any other error, `error` itself.

    The message of `error` is the other process's traceback as text.
    """
    name, _, message = str(error).strip().splitlines()[-1].partition(": ")
    kinds = {f"{kind.__module__}.{kind.__qualname__}": kind for kind in USER_ERRORS}
    return kinds[name](message) if name in kinds else error


def _callbacks(training: HighwayTraining, writer: DeferredCheckpoints) -> list[Callback]:
    config = training.config
    keeper = EpochKeeper(writer, best=config.keep == "best")
    if not config.patience or not len(training.dataset.validation):
        return [keeper]
    # Early stopping runs before the keeper, whose checkpoint must contain its state.
    stopping = ResumableStopping("validation_loss", patience=config.patience, min_delta=MIN_GAIN)
    return [stopping, keeper]
