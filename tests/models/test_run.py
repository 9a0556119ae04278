import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load, save

from models.errors import RunError
from models.networks.blocks import DenseBlock
from models.run import Run


@pytest.fixture
def run(run_path: Path, tmp_path: Path) -> Run:
    """Return a copy of the small run, to be broken."""
    return Run(Path(shutil.copytree(run_path, tmp_path / "run")))


def message(error: pytest.ExceptionInfo[RunError], run: Run) -> str:
    return str(error.value).replace(str(run.path), "RUN")


def test_a_run_rebuilds_its_network(run: Run) -> None:
    network = run.network()
    assert not network.training
    assert [block.width for block in network.config.highway_blocks] == [8, 8, 8]
    assert torch.equal(network.output.weight, Run(run.path).network().output.weight)


def test_metrics_have_a_line_for_each_epoch_and_the_test_scores_in_the_last(run: Run) -> None:
    *epochs, test = run.metrics()
    assert [line["epoch"] for line in epochs] == [1, 2]
    assert test["test_rows"] == 180
    assert test["parameters"] == 64 * 8 + 8 + 3 * (2 * 8 * 8 + 2 * 8) + 8 * 10 + 10


def test_the_config_reads_back_as_it_was_written(run: Run, tmp_path: Path) -> None:
    config = run.config()
    assert config.preset == "custom"
    assert Run.create(tmp_path / "again", config).config() == config


def test_an_existing_run_is_never_written_over(run: Run) -> None:
    with pytest.raises(RunError) as error:
        Run.create(run.path, run.config())
    assert message(error, run) == (
        "RUN: expected a new or empty directory, found existing files; choose another --out"
    )


def test_a_run_below_a_file_cannot_be_created(run: Run) -> None:
    with pytest.raises(RunError) as error:
        Run.create(run.path / "config.json" / "run", run.config())
    assert message(error, run) == "RUN/config.json/run: cannot be created: Not a directory"


def test_a_path_with_nothing_there_is_no_run(tmp_path: Path) -> None:
    run = Run(tmp_path / "nothing")
    with pytest.raises(RunError) as error:
        run.config()
    assert message(error, run) == "RUN: expected a run directory, found nothing there"


def test_a_file_is_no_run(tmp_path: Path) -> None:
    run = Run(tmp_path / "file")
    run.path.touch()
    with pytest.raises(RunError) as error:
        run.config()
    assert message(error, run) == "RUN: expected a run directory, found a file there"


def test_an_unfinished_run_says_which_file_it_lacks(run: Run) -> None:
    (run.path / "model.safetensors").unlink()
    with pytest.raises(RunError) as error:
        run.network()
    assert message(error, run) == (
        "RUN: expected the file model.safetensors, found none; "
        "this is no run directory, or its training has not finished, or an older release made it: "
        "train again"
    )


@pytest.mark.parametrize(
    ("key", "value", "found"),
    [
        ("format", 1, "format: Input should be 2"),
        (
            "network",
            {"shape": [0]},
            "network.shape.0: Input should be greater than or equal to 1",
        ),
    ],
)
def test_a_config_that_cannot_be_used_says_where(
    run: Run, key: str, value: object, found: str
) -> None:
    path = run.path / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    with pytest.raises(RunError) as error:
        run.config()
    assert message(error, run) == (
        f"RUN/config.json: expected a configuration of format 2, found at {found}"
    )


def test_weights_that_do_not_fit_the_config_are_refused(run: Run) -> None:
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
        "RUN/model.safetensors: expected the weights of config.json, "
        "found: Error(s) in loading state_dict for HighwayClassifier"
    )


def test_damaged_weights_are_refused(run: Run) -> None:
    (run.path / "model.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0nonsense")
    with pytest.raises(RunError) as error:
        run.network()
    assert message(error, run).startswith(
        "RUN/model.safetensors: expected the weights of config.json, found: "
    )


def test_a_damaged_baseline_is_refused(run: Run) -> None:
    (run.path / "gate_baseline.json").write_text("{}")
    with pytest.raises(RunError) as error:
        run.baseline()
    assert message(error, run) == (
        "RUN/gate_baseline.json: expected a gate baseline, found something else"
    )


def test_a_run_tells_what_is_unusual_of_it(run: Run) -> None:
    with torch.no_grad():
        logits, gates = run.network()(torch.from_numpy(run.dataset().test.x))
        shares = run.unusualness()(logits, torch.softmax(logits, dim=1), torch.cat(gates, dim=1))
    assert shares.shape == (180, 3)
    assert 0 < shares.min() < 0.1
    assert 0.9 < shares.max() <= 1


def test_a_run_of_an_older_release_says_what_it_lacks(run: Run) -> None:
    (run.path / "unusualness.safetensors").unlink()
    with pytest.raises(RunError) as error:
        run.unusualness()
    assert message(error, run) == (
        "RUN: expected the file unusualness.safetensors, found none; "
        "this is no run directory, or its training has not finished, or an older release made it: "
        "train again"
    )


def broken(numbers: dict[str, torch.Tensor], how: str) -> bytes:
    """Return the file of these numbers, broken in one way."""
    weight = numbers.pop("weight")
    if how == "a matrix of another size":
        numbers["weight"] = weight[:, :-1].contiguous()
    if how == "a line of numbers":
        numbers["weight"] = weight[0].clone()
    if how == "a number too many":
        numbers |= {"weight": weight, "spare": weight[0].clone()}
    if how == "a number for a list":
        numbers |= {"weight": weight, "means_square": torch.tensor(1.0)}
    if how == "adders that are none":
        numbers |= {"weight": weight, "adders": numbers["adders"] * torch.nan}
    return b"nonsense" if how == "nonsense" else save(numbers)


@pytest.mark.parametrize(
    "how",
    [
        *("nonsense", "no matrix", "a matrix of another size", "a line of numbers"),
        *("a number too many", "a number for a list", "adders that are none"),
    ],
)
def test_a_damaged_measure_of_the_unusual_is_refused(run: Run, how: str) -> None:
    path = run.path / "unusualness.safetensors"
    path.write_bytes(broken(load(path.read_bytes()), how))
    with pytest.raises(RunError) as error:
        run.unusualness()
    assert message(error, run) == (
        "RUN/unusualness.safetensors: expected what a finished training writes, found something "
        "else; train again"
    )


def test_damaged_metrics_are_refused(run: Run) -> None:
    (run.path / "metrics.jsonl").write_text("{half\n")
    with pytest.raises(RunError) as error:
        run.metrics()
    assert message(error, run) == (
        "RUN/metrics.jsonl: expected one JSON object of finite numbers a line, found another"
    )


@pytest.mark.parametrize(
    "content", [b"[1]\n", b"\xff\n", b'{"test_accuracy": NaN}\n', b'{"a": "b"}\n']
)
def test_metrics_that_are_no_numbers_are_refused(run: Run, content: bytes) -> None:
    (run.path / "metrics.jsonl").write_bytes(content)
    with pytest.raises(RunError):
        run.metrics()


def test_metrics_without_a_line_are_refused(run: Run) -> None:
    (run.path / "metrics.jsonl").write_text("")
    with pytest.raises(RunError) as error:
        run.metrics()
    assert message(error, run) == "RUN/metrics.jsonl: expected a line an epoch, found none"


def test_the_weights_digest_is_that_of_their_file(run: Run) -> None:
    (run.path / "model.safetensors").write_bytes(b"abc")
    assert run.weights_digest().startswith("ba7816bf8f01cfea414140de5dae2223")


def test_data_that_has_changed_since_the_training_is_refused(run: Run) -> None:
    path = run.path / "config.json"
    config = json.loads(path.read_text())
    actual = config["data"]["digest"]
    config["data"]["digest"] = "0" * 64
    path.write_text(json.dumps(config))
    with pytest.raises(RunError) as error:
        run.dataset()
    assert message(error, run) == (
        "RUN: expected the data it was trained on, 'digits' with digest 000000000000…, "
        f"found digest {actual[:12]}…; put the data back as it was, or train again"
    )


def test_epochs_beyond_the_kept_ones_are_forgotten_with_a_half_written_line(run: Run) -> None:
    with (run.path / "metrics.jsonl").open("a") as metrics:
        metrics.write('{"epoch": 3, "tr')
    run.keep_epochs(1)
    assert [line["epoch"] for line in run.metrics()] == [1]


def test_a_run_without_metrics_has_no_epochs_to_forget(tmp_path: Path, run: Run) -> None:
    fresh = Run.create(tmp_path / "fresh", run.config())
    fresh.keep_epochs(0)
    assert not (fresh.path / "metrics.jsonl").exists()


def test_a_run_is_finished_once_its_weights_are_written(tmp_path: Path, run: Run) -> None:
    assert run.finished
    assert not Run.create(tmp_path / "fresh", run.config()).finished


def test_a_run_knows_the_schema_that_further_rows_must_have(run: Run) -> None:
    schema = run.config().data.schema
    assert schema.labels == tuple("0123456789")
    assert schema.input.shape == (8, 8)
