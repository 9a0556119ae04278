import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load, save

from models.errors import RunError
from models.networks.blocks import DenseBlock
from models.run import Run


@pytest.fixture
def run(run_path: Path, tmp_path: Path) -> Run:
    """A copy of the small run, which a test may damage."""
    return Run(Path(shutil.copytree(run_path, tmp_path / "run")))


def message(error: pytest.ExceptionInfo[RunError], run: Run) -> str:
    return str(error.value).replace(str(run.path), "RUN")


def test_a_run_rebuilds_its_network(run: Run) -> None:
    network = run.network()
    assert not network.training
    assert [block.width for block in network.config.highway_blocks] == [8, 8, 8]
    assert torch.equal(network.output.weight, Run(run.path).network().output.weight)


def test_metrics_have_one_line_per_epoch_and_then_the_test_scores(run: Run) -> None:
    *epochs, test = run.metrics()
    assert [line["epoch"] for line in epochs] == [1, 2]
    assert test["test_rows"] == 180
    assert test["parameters"] == 64 * 8 + 8 + 3 * (2 * 8 * 8 + 2 * 8) + 8 * 10 + 10


def test_the_configuration_is_read_exactly(run: Run, tmp_path: Path) -> None:
    config = run.config()
    assert config.preset == "custom"
    assert Run.create(tmp_path / "again", config).config() == config


def test_an_existing_run_is_never_overwritten(run: Run) -> None:
    with pytest.raises(RunError) as error:
        Run.create(run.path, run.config())
    assert message(error, run) == (
        "RUN: expected a new or empty directory, found existing files; choose another --out"
    )


def test_a_run_below_a_file_cannot_be_created(run: Run) -> None:
    with pytest.raises(RunError) as error:
        Run.create(run.path / "config.json" / "run", run.config())
    assert message(error, run) == "RUN/config.json/run: cannot be created: Not a directory"


def test_a_missing_path_is_not_a_run(tmp_path: Path) -> None:
    run = Run(tmp_path / "nothing")
    with pytest.raises(RunError) as error:
        run.config()
    assert message(error, run) == "RUN: expected a run directory, found nothing there"


def test_a_file_is_not_a_run(tmp_path: Path) -> None:
    run = Run(tmp_path / "file")
    run.path.touch()
    with pytest.raises(RunError) as error:
        run.config()
    assert message(error, run) == "RUN: expected a run directory, found a file there"


def test_the_error_of_an_unfinished_run_names_the_missing_file(run: Run) -> None:
    (run.path / "model.safetensors").unlink()
    with pytest.raises(RunError) as error:
        run.network()
    assert message(error, run) == (
        "RUN: model.safetensors is missing; the directory is not a run, its training has not "
        "finished, or an older release wrote it: train again"
    )


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("format", 1, "format: Input should be 2"),
        (
            "network",
            {"shape": [0]},
            "network.shape.0: Input should be greater than or equal to 1",
        ),
    ],
)
def test_the_error_of_an_invalid_configuration_names_the_field(
    run: Run, key: str, value: object, reason: str
) -> None:
    path = run.path / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    with pytest.raises(RunError) as error:
        run.config()
    assert message(error, run) == (f"RUN/config.json: not a configuration of format 2: {reason}")


def test_weights_that_do_not_match_the_configuration_are_refused(run: Run) -> None:
    config = run.config()
    blocks = (DenseBlock(width=9), *(replace(b, width=9) for b in config.network.highway_blocks))
    path = run.path / "config.json"
    path.unlink()
    shutil.rmtree(run.path / "other", ignore_errors=True)
    other = Run.create(
        run.path / "other", replace(config, network=replace(config.network, blocks=blocks))
    )
    shutil.copy(run.path / "model.safetensors", other.path)
    with pytest.raises(RunError) as error:
        other.network()
    assert message(error, other) == (
        "RUN/model.safetensors: not the weights of config.json: "
        "Error(s) in loading state_dict for HighwayClassifier"
    )


def test_damaged_weights_are_refused(run: Run) -> None:
    (run.path / "model.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0nonsense")
    with pytest.raises(RunError) as error:
        run.network()
    assert message(error, run).startswith("RUN/model.safetensors: not the weights of config.json: ")


def test_a_damaged_baseline_is_refused(run: Run) -> None:
    (run.path / "gate_baseline.json").write_text("{}")
    with pytest.raises(RunError) as error:
        run.baseline()
    assert message(error, run) == ("RUN/gate_baseline.json: not a gate baseline; train again")


def test_a_run_has_a_typicality_module(run: Run) -> None:
    with torch.no_grad():
        logits, gates = run.network()(torch.from_numpy(run.dataset().test.x))
        p_values = run.typicality()(logits, torch.softmax(logits, dim=1), torch.cat(gates, dim=1))
    assert p_values.shape == (180, 3)
    assert 0 < p_values.min() < 0.1
    assert 0.9 < p_values.max() <= 1


def test_the_error_of_a_run_without_typicality_names_the_missing_file(run: Run) -> None:
    (run.path / "typicality.safetensors").unlink()
    with pytest.raises(RunError) as error:
        run.typicality()
    assert message(error, run) == (
        "RUN: typicality.safetensors is missing; the directory is not a run, its training has not "
        "finished, or an older release wrote it: train again"
    )


def damaged(numbers: dict[str, torch.Tensor], defect: str) -> bytes:
    """Return the file of these numbers with one defect."""
    weight = numbers.pop("weight")
    if defect == "weight of another size":
        numbers["weight"] = weight[:, :-1].contiguous()
    if defect == "weight of one dimension":
        numbers["weight"] = weight[0].clone()
    if defect == "an unknown number":
        numbers |= {"weight": weight, "spare": weight[0].clone()}
    if defect == "a number instead of a list":
        numbers |= {"weight": weight, "means_square": torch.tensor(1.0)}
    if defect == "adders of NaN":
        numbers |= {"weight": weight, "adders": numbers["adders"] * torch.nan}
    return b"nonsense" if defect == "nonsense" else save(numbers)


@pytest.mark.parametrize(
    "defect",
    [
        *("nonsense", "no weight", "weight of another size", "weight of one dimension"),
        *("an unknown number", "a number instead of a list", "adders of NaN"),
    ],
)
def test_a_damaged_typicality_module_is_refused(run: Run, defect: str) -> None:
    path = run.path / "typicality.safetensors"
    path.write_bytes(damaged(load(path.read_bytes()), defect))
    with pytest.raises(RunError) as error:
        run.typicality()
    assert message(error, run) == (
        "RUN/typicality.safetensors: not the typicality of this network; train again"
    )


def test_damaged_metrics_are_refused(run: Run) -> None:
    (run.path / "metrics.jsonl").write_text("{half\n")
    with pytest.raises(RunError) as error:
        run.metrics()
    assert message(error, run) == (
        "RUN/metrics.jsonl: expected one JSON object of finite numbers per line"
    )


@pytest.mark.parametrize(
    "content", [b"[1]\n", b"\xff\n", b'{"test_accuracy": NaN}\n', b'{"a": "b"}\n']
)
def test_metrics_other_than_finite_numbers_are_refused(run: Run, content: bytes) -> None:
    (run.path / "metrics.jsonl").write_bytes(content)
    with pytest.raises(RunError):
        run.metrics()


def test_metrics_without_a_line_are_refused(run: Run) -> None:
    (run.path / "metrics.jsonl").write_text("")
    with pytest.raises(RunError) as error:
        run.metrics()
    assert message(error, run) == "RUN/metrics.jsonl: expected one line per epoch, found none"


def test_the_digest_of_the_weights_is_that_of_their_file(run: Run) -> None:
    (run.path / "model.safetensors").write_bytes(b"abc")
    assert run.weights_digest().startswith("ba7816bf8f01cfea414140de5dae2223")


def test_data_that_have_changed_since_the_training_are_refused(run: Run) -> None:
    path = run.path / "config.json"
    config = json.loads(path.read_text())
    actual = config["data"]["digest"]
    config["data"]["digest"] = "0" * 64
    path.write_text(json.dumps(config))
    with pytest.raises(RunError) as error:
        run.dataset()
    assert message(error, run) == (
        "RUN: data 'digits' have changed since the training: expected digest 000000000000…, "
        f"found {actual[:12]}…; restore the data, or train again"
    )


def test_the_metrics_of_later_epochs_and_an_incomplete_line_are_removed(run: Run) -> None:
    with (run.path / "metrics.jsonl").open("a") as metrics:
        metrics.write('{"epoch": 3, "tr')
    run.keep_epochs(1)
    assert [line["epoch"] for line in run.metrics()] == [1]


def test_keeping_epochs_of_a_run_without_metrics_writes_no_file(tmp_path: Path, run: Run) -> None:
    fresh = Run.create(tmp_path / "fresh", run.config())
    fresh.keep_epochs(0)
    assert not (fresh.path / "metrics.jsonl").exists()


def test_a_run_is_finished_once_its_weights_are_written(tmp_path: Path, run: Run) -> None:
    assert run.finished
    assert not Run.create(tmp_path / "fresh", run.config()).finished


def test_a_run_has_the_schema_of_other_data(run: Run) -> None:
    schema = run.config().data.schema
    assert schema.labels == tuple("0123456789")
    assert schema.input.shape == (8, 8)


def moved(run: Run, data: str) -> None:
    """Change the run's configuration as if it had been trained on data at `data`."""
    path = run.path / "config.json"
    config = json.loads(path.read_text())
    config["data"]["source"]["data"] = data
    path.write_text(json.dumps(config))


def test_missing_data_are_an_error_that_names_the_option(run: Run) -> None:
    moved(run, "/nowhere/digits.csv")
    with pytest.raises(RunError) as error:
        run.dataset()
    assert message(error, run) == (
        "RUN: the run's data 'digits' are not at '/nowhere/digits.csv'; say where they are now "
        "with --data PATH"
    )
    assert len(run.dataset(data="digits").test) == 180


def test_a_run_keeps_its_test_rows(run: Run) -> None:
    rows = run.rows()
    assert rows is not None
    assert rows.complete
    assert np.array_equal(rows.test.x, run.dataset().test.x)


def test_a_run_of_an_older_release_keeps_no_rows(run: Run) -> None:
    (run.path / "rows.safetensors").unlink()
    assert run.rows() is None


def test_damaged_rows_are_refused(run: Run) -> None:
    (run.path / "rows.safetensors").write_bytes(b"damaged")
    with pytest.raises(RunError) as error:
        run.rows()
    assert message(error, run) == (
        "RUN/rows.safetensors: not the rows of this run: not a file of kept rows; remove the file, "
        "and say where the data are with --data PATH"
    )
