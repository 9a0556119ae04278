"""`train`: a run directory from loaded data, with a preset or a network of one's own."""

import signal
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from torch import nn

from models.errors import ConfigError, DataError, RunError, StoppedError
from models.interface.loading import LoadedData
from models.interface.result import TrainingResult
from models.interface.wording import in_python_words, warn
from models.networks.classifier import GatedClassifier
from models.networks.custom import CustomNetwork
from models.networks.layers import ActivationName
from models.outcome import Outcome
from models.preset_choice import check_validation, choose_preset
from models.recipe import (
    ClassWeight,
    Hardware,
    KeptEpoch,
    OptimizerName,
    Precision,
    ScheduleName,
    TrainConfig,
    check_training,
)
from models.run import Run
from models.run_config import DataConfig, RunConfig
from models.settings import changed
from models.training.trainer import train as fit

TRAINING = frozenset(field.name for field in fields(TrainConfig))
SETTINGS = TRAINING | {
    *("preset", "plain", "depth", "width", "dropout", "kernel", "gate_kernel", "activation"),
    *("gate_bias", "recipe"),
}


@dataclass(frozen=True, kw_only=True)
class _Job:
    """A training to run; `custom` is None for a preset."""

    run: Run
    config: RunConfig
    custom: CustomNetwork | None


def train(
    data: LoadedData,
    *,
    out: Path | str | None = None,
    network: nn.Module | None = None,
    resume: bool = False,
    show_progress: bool = True,
    preset: str | None = None,
    plain: bool | None = None,
    depth: int | None = None,
    width: int | None = None,
    dropout: float | None = None,
    kernel: int | None = None,
    gate_kernel: int | None = None,
    activation: ActivationName | None = None,
    gate_bias: float | Literal["depth"] | None = None,
    recipe: Literal["default", "papers"] | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    optimizer: OptimizerName | None = None,
    schedule: ScheduleName | None = None,
    learning_rate: float | None = None,
    momentum: float | None = None,
    drop_epochs: tuple[int, ...] | None = None,
    drop_factor: float | None = None,
    weight_decay: float | None = None,
    gradient_clip: float | None = None,
    patience: int | None = None,
    keep: KeptEpoch | None = None,
    class_weight: ClassWeight | None = None,
    precision: Precision | None = None,
    shift: float | None = None,
    rotate_degrees: float | None = None,
    scale: float | None = None,
    flip: bool | None = None,
    seed: int | None = None,
    threads: int | None = None,
    accelerator: Literal["cpu", "gpu", "auto"] = "cpu",
) -> TrainingResult:
    """Train a preset, or a `network` of one's own in place, and write the run directory `out`.

    None keeps the default of `highway train`, which depends on the data. Without `out` the run is
    written to a new temporary folder, the result's `path`, which stays after the program. A network
    gets raw values (batch, features), and must have highway layers of `models.networks`.

    An interrupt raises `StoppedError` and keeps the complete epochs; `resume` goes on with them,
    with the settings of the run. Raises `ModelsError`, whose message is one sentence.
    """
    given = {name: value for name, value in locals().items() if name in SETTINGS}
    given = {name: value for name, value in given.items() if value is not None}
    with in_python_words():
        _check_data(data)
        hardware = changed(Hardware(), accelerator=accelerator)
        if resume:
            job = _resumed(data, out, network, given)
        else:
            job = _begun(data, out, network, given, hardware)
        _fit(job, data, hardware, show_progress=show_progress)
        result = _result(job, data)
    warn(result.warnings)
    return result


def _check_data(data: object) -> None:
    if not isinstance(data, LoadedData):
        raise DataError(
            f"data: expected the result of load_data, found {type(data).__name__}; call load_data "
            "first"
        )


def _begun(
    data: LoadedData,
    out: Path | str | None,
    network: nn.Module | None,
    given: Mapping[str, Any],
    hardware: Hardware,
) -> _Job:
    """Create the run directory of a new training, after all checks."""
    described = DataConfig.of(data.source, data.dataset)
    recipe = given.get("recipe", "default")
    chosen = choose_preset(data.dataset, given.get("preset"), _settings(given), recipe=recipe)
    check_validation(data.dataset, patience=given.get("patience"), keep=given.get("keep"))
    custom = None
    if network is None:
        preparation = chosen.preparation(data.dataset)
        config = RunConfig.of(described, chosen.settings, preparation, name=chosen.network)
    else:
        _refuse_network_settings(given)
        custom = _wrapped(network, data)
        config = RunConfig.of_custom(described, custom, chosen.settings.training)
    check_training(config.training, hardware)
    path = Path(tempfile.mkdtemp(prefix="highway-run-") if out is None else out)
    return _Job(run=Run.create(path, config), config=config, custom=custom)


def _resumed(
    data: LoadedData, out: Path | str | None, network: nn.Module | None, given: Mapping[str, Any]
) -> _Job:
    """Return the stopped training of the run directory `out`."""
    if out is None:
        raise ConfigError("resume: needs out, the run directory of a stopped training")
    for name in given:
        raise ConfigError(f"{name}: a resumed training keeps the settings of its run; leave it out")
    run = Run(Path(out))
    config = run.unfinished_config()
    digest = data.dataset.digest()
    if digest != config.data.digest:
        raise DataError(
            f"data: expected the data that {run.path} was trained on, with the digest "
            f"{config.data.digest[:12]}…, found {digest[:12]}…; load them as before"
        )
    custom = None if network is None else _wrapped(network, data)
    if (None if custom is None else custom.description) != config.custom:
        expected = "none" if config.custom is None else f"a {config.custom.class_name!r} as before"
        raise RunError(f"network: expected {expected} for the run {run.path}")
    return _Job(run=run, config=config, custom=custom)


def _settings(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name not in ("preset", "recipe")}


def _refuse_network_settings(given: Mapping[str, Any]) -> None:
    for name in given:
        if name not in TRAINING:
            raise ConfigError(
                f"{name}: has an effect only on presets; leave it out, or change the network"
            )


def _wrapped(network: nn.Module, data: LoadedData) -> CustomNetwork:
    if not isinstance(network, nn.Module):
        raise ConfigError(
            f"network: expected a torch module, found {type(network).__name__}; preset names a "
            "network of this package"
        )
    dataset = data.dataset
    return CustomNetwork(
        network, row=dataset.input, classes=len(dataset.labels), example=dataset.train.x[:2]
    )


def _fit(job: _Job, data: LoadedData, hardware: Hardware, *, show_progress: bool) -> None:
    try:
        with _restored_interrupts():
            fit(
                job.run,
                job.config,
                data.dataset,
                hardware,
                custom=job.custom,
                show_progress=show_progress,
            )
    except (KeyboardInterrupt, StoppedError) as stop:
        path = str(job.run.path)
        if job.run.checkpoint() is None:
            kept = "no epoch was complete"
        else:
            kept = f"complete epochs are kept in {path}"
        network = "" if job.custom is None else "network=…, "
        raise StoppedError(
            f"stopped: {kept}; go on with train(data, {network}out={path!r}, resume=True)"
        ) from stop


@contextmanager
def _restored_interrupts() -> Iterator[None]:
    """Restore the handler of SIGINT: Lightning ignores the signal after the first one."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


def _result(job: _Job, data: LoadedData) -> TrainingResult:
    network: GatedClassifier = job.custom or job.run.network(job.config)
    network.eval()
    outcome = Outcome.of(network, data.dataset)
    return TrainingResult(
        run=job.run,
        data=data,
        network=network,
        outcome=outcome,
        epoch=int(job.run.metrics()[-1]["kept_epoch"]),
        warnings=outcome.warnings(balanced=job.config.training.class_weight == "balanced"),
    )
