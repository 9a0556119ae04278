import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from models import TrainingResult, load_data, train
from models.errors import ConfigError, DataError, ModelsError, RunError, StoppedError
from models.interface.loading import LoadedData
from models.networks import HighwayDense
from models.run import Run
from tests.models.commands.conftest import invoke

pytestmark = pytest.mark.filterwarnings(
    "ignore:never predicted|the accuracy is not:models.errors.ModelsWarning"
)


class Net(nn.Module):
    """Two highway layers for rows of four values."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 6)
        self.highway = nn.Sequential(HighwayDense(6), HighwayDense(6))
        self.last = nn.Linear(6, 2)
        self.temperature = nn.Parameter(torch.tensor(1.0))

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.last(self.highway(torch.relu(self.first(x))))
        return logits * self.temperature


def rows(seed: int = 0) -> LoadedData:
    """Return 200 rows of four values whose label is the sign of the sum of two."""
    x = np.random.default_rng(seed).normal(size=(200, 4)).astype(np.float32)
    return load_data((x, (x[:, 0] + x[:, 1] > 0).astype(int)))


DATA = rows()


def quick(out: Path, **options: object) -> TrainingResult:
    settings = {"epochs": 2, "show_progress": False, "depth": 3, "width": 4} | options
    return train(DATA, out=out, **settings)  # type: ignore[arg-type]


def own(out: Path, network: nn.Module, **options: object) -> TrainingResult:
    settings = {"epochs": 2, "show_progress": False, "learning_rate": 0.05} | options
    return train(DATA, out=out, network=network, **settings)  # type: ignore[arg-type]


def test_a_result_has_the_run_its_scores_and_its_history(tmp_path: Path) -> None:
    result = quick(tmp_path / "run")
    assert Run(result.path).finished
    assert result.scores.overall.rows == 20
    assert result.history.index.tolist() == [1, 2]
    assert result.epoch in (1, 2)
    assert repr(result).startswith(f"{result.path}: custom on arrays, accuracy ")
    assert result._repr_html_().startswith(f"{result.path}: custom on arrays, accuracy ")


def test_defaults_are_those_of_the_command(tmp_path: Path) -> None:
    data = load_data("digits")
    result = train(data, out=tmp_path / "python", epochs=1, show_progress=False)
    assert invoke("train", "digits", "--out", tmp_path / "command", "--epochs", "1").exit_code == 0
    assert result.run.config() == Run(tmp_path / "command").config()
    assert result.run.weights_digest() == Run(tmp_path / "command").weights_digest()


def test_without_out_the_run_is_in_a_new_temporary_folder() -> None:
    result = train(DATA, epochs=1, width=2, depth=2, show_progress=False)
    assert result.path.name.startswith("highway-run-")
    assert Run(result.path).finished


def test_a_network_of_ones_own_is_trained_in_place(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = Net()
    result = own(tmp_path / "run", net, epochs=40)
    config = result.run.config()
    assert config.custom is not None
    assert (config.preset, config.custom.class_name) == ("custom", "Net")
    assert result.scores.overall.accuracy > 0.8
    assert net.temperature.item() != 1  # a parameter without dimensions is trained too
    rebuilt = result.run.classifier(Net())
    x = torch.from_numpy(DATA.dataset.test.x)
    with torch.no_grad():
        assert torch.equal(rebuilt(x)[0], net(x))


class Interrupting(Net):
    """Raises SIGINT in one training step."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self.step = step

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.step -= 1
            if self.step == 0:
                os.kill(os.getpid(), signal.SIGINT)
        return super().forward(x)


def test_an_interrupted_training_goes_on_and_ends_with_the_same_weights(tmp_path: Path) -> None:
    handler = signal.getsignal(signal.SIGINT)
    torch.manual_seed(0)
    whole = own(tmp_path / "whole", Interrupting(0), epochs=4)
    torch.manual_seed(0)
    path = tmp_path / "stopped"
    with pytest.raises(StoppedError) as error:
        own(path, Interrupting(12), epochs=4)
    assert str(error.value) == (
        f"stopped: complete epochs are kept in {path}; go on with train(data, network=…, "
        f"out={str(path)!r}, resume=True)"
    )
    assert signal.getsignal(signal.SIGINT) is handler  # a notebook can be interrupted again
    resumed = train(DATA, out=path, network=Interrupting(0), resume=True, show_progress=False)
    assert resumed.run.weights_digest() == whole.run.weights_digest()


def test_a_training_runs_in_another_thread(tmp_path: Path) -> None:
    results: list[TrainingResult] = []
    thread = threading.Thread(target=lambda: results.append(quick(tmp_path / "run")))
    thread.start()
    thread.join()
    assert results[0].run.finished


def test_a_run_directory_is_never_written_twice(tmp_path: Path) -> None:
    quick(tmp_path / "run")
    with pytest.raises(RunError) as error:
        quick(tmp_path / "run")
    assert str(error.value) == (
        f"{tmp_path / 'run'}: expected a new or empty directory, found existing files; choose "
        "another out"
    )
    with pytest.raises(RunError) as error:
        train(DATA, out=tmp_path / "run", resume=True)
    assert str(error.value) == (
        f"{tmp_path / 'run'}: the training has finished; there is nothing to resume"
    )


def test_a_run_is_resumed_with_its_own_data_network_and_settings(tmp_path: Path) -> None:
    run = quick(tmp_path / "run").run
    (run.path / "model.safetensors").unlink()
    with pytest.raises(DataError, match=r"^data: expected the data that .* load them as before$"):
        train(rows(seed=1), out=run.path, resume=True)
    with pytest.raises(RunError, match=r"^network: expected none for the run "):
        train(DATA, out=run.path, network=Net(), resume=True)
    with pytest.raises(ConfigError) as error:
        train(DATA, out=run.path, resume=True, epochs=3)
    assert str(error.value) == (
        "epochs: a resumed training keeps the settings of its run; leave it out"
    )
    with pytest.raises(ConfigError) as error:
        train(DATA, resume=True)
    assert str(error.value) == "resume: needs out, the run directory of a stopped training"


MESSAGES: list[tuple[Callable[[Path], object], str]] = [
    (
        lambda out: train("digits", out=out),  # type: ignore[arg-type]
        "data: expected the result of load_data, found str; call load_data first",
    ),
    (
        lambda out: own(out, Net(), depth=3),
        "depth: has an effect only on presets; leave it out, or change the network",
    ),
    (
        lambda out: own(out, "dense-10"),  # type: ignore[arg-type]
        "network: expected a torch module, found str; preset names a network of this package",
    ),
    (lambda out: quick(out, momentum=0.5), "momentum: has an effect only with optimizer='sgd'"),
    (lambda out: quick(out, batch_size=0), "batch_size: expected a number greater than or equal"),
    (lambda out: quick(out, gate_bias="deep"), "gate_bias: expected a valid number"),
]


@pytest.mark.parametrize(("call", "message"), MESSAGES, ids=[text[:30] for _, text in MESSAGES])
def test_messages_name_the_arguments_and_nothing_is_written(
    tmp_path: Path, call: Callable[[Path], object], message: str
) -> None:
    with pytest.raises(ModelsError) as error:
        call(tmp_path / "run")
    assert str(error.value).startswith(message)
    assert not (tmp_path / "run").exists()
