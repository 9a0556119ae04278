import json
import os
import re
import signal
import subprocess
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.commands.reproduce import with_note
from models.data.dataset import Dataset, Part
from models.reproduction.catalogue import EXPERIMENTS, experiment
from models.reproduction.findings import Comparison, Findings
from models.run import Run
from service.contract import Input
from tests.conftest import command, once
from tests.launcher import PreparedProcess
from tests.models.commands.conftest import invoke, refused
from tests.models.reproduction.conftest import write_mnist, written_at

NAME = "mnist-conv-16"
SMALL = ("--seeds", "2", "--epochs", "1")
MNIST = "https://ossci-datasets.s3.amazonaws.com/mnist/"


@pytest.fixture(scope="module")
def data(shared: Path) -> Path:
    """A folder of images of 8×8 pixels."""
    folder = shared / "reproduce" / "mnist"
    return once(folder, lambda: write_mnist(folder, 8))


@pytest.fixture(scope="module")
def finished(shared: Path, data: Path) -> tuple[Path, str]:
    """The directory and the output of a small experiment with two seeds."""
    out = shared / "reproduce" / "papers"
    printed = out.with_suffix(".txt")

    def run() -> None:
        done = command("models", *arguments(data, out))
        assert done.returncode == 0, done.stderr
        assert [line.partition(":")[0] for line in done.stderr.splitlines()] == [
            f"{NAME}/seed-0",
            f"{NAME}/seed-1",
        ]
        printed.write_text(done.stdout)

    return once(out, run), printed.read_text()


def arguments(data: Path, out: Path, *more: str) -> tuple[str | Path, ...]:
    return ("reproduce", NAME, "--data", data, "--out", out, *SMALL, "--jobs", "1", *more)


def results(out: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((out / NAME / "results.json").read_text())
    return content


def numbers(out: Path) -> dict[str, Any]:
    """Return the numbers without the times of the trainings."""
    return {name: value for name, value in results(out)["numbers"].items() if name != "minutes"}


def stopped(data: Path, out: Path, ready: Path, stop: Callable[[int], None]) -> tuple[int, str]:
    """Start the experiment, stop it once a file exists, and wait until its processes have ended.

    Returns the exit code and the errors.
    """
    process = PreparedProcess(
        *("models", *arguments(data, out)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    until = time.monotonic() + 200
    while not ready.is_file() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    stop(process.pid)
    _, errors = process.communicate(timeout=100)
    wait_for_end(process.pid)
    return process.returncode, errors


def group(leader: int) -> list[int]:
    """Return the processes in the session of a leader, by /proc; none on other systems."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        if int(fields[3]) == leader and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def wait_for_end(leader: int) -> None:
    until = time.monotonic() + 100
    while group(leader):
        assert time.monotonic() < until, group(leader)
        time.sleep(0.05)


def test_the_table_is_printed_and_written_with_the_command(
    finished: tuple[Path, str],
) -> None:
    out, printed = finished
    page = (out / NAME / "README.md").read_text()
    assert page.startswith(f"# {NAME}\n\nTest accuracy of the convolutional network with 38,986 ")
    assert "| what | paper | here |\n" in page
    assert f"    highway reproduce {NAME} --data mnist --seeds 2 --epochs 1\n" in page
    assert "Data mnist with digest " in page
    assert "38,986" in printed
    assert printed.endswith(
        f"the page is {out / NAME / 'README.md'}, its numbers are in "
        f"{out / NAME / 'results.json'}\n"
    )
    for row in results(out)["comparisons"]:
        assert f"| {row['quantity']} | {row['paper']} | {row['here']} |" in page


def test_images_that_are_not_mnist_are_named_and_have_no_goals(finished: tuple[Path, str]) -> None:
    out, printed = finished
    note = (
        "The data are 140 images of 8×8 from mnist, not MNIST's 70,000 of 28×28: the paper's "
        "numbers do not apply to them."
    )
    assert note in (out / NAME / "README.md").read_text()
    assert note in " ".join(printed.split())
    assert results(out)["notes"] == [note]
    assert {row["goal"] for row in results(out)["comparisons"]} == {""}


def test_mnist_itself_has_goals_and_no_note() -> None:
    image = Input(kind="image", shape=(28, 28), unit="pixel", low=0, high=255)
    rows = Part(x=np.zeros((30_000, 784), np.float32), y=np.zeros(30_000, np.int64))
    test = Part(x=rows.x[:10_000], y=rows.y[:10_000])
    mnist = Dataset(
        name="mnist",
        input=image,
        labels=tuple("0123456789"),
        train=rows,
        validation=rows,
        test=test,
    )
    row = Comparison(quantity="loss", paper="1", here="1", goal="≤ 2")
    findings = Findings(comparisons=(row,))
    assert with_note(findings, experiment("depth"), mnist) == findings


def test_the_pictures_of_the_page_are_written(finished: tuple[Path, str]) -> None:
    folder = finished[0] / NAME
    page = (folder / "README.md").read_text()
    [picture] = re.findall(r"!\[.*\]\((.*)\)", page)
    assert ET.parse(folder / picture).getroot().tag == "{http://www.w3.org/2000/svg}svg"
    assert (folder / picture).with_suffix(".png").read_bytes().startswith(b"\x89PNG")


def test_epochs_and_seeds_are_those_of_the_command(finished: tuple[Path, str]) -> None:
    folder = finished[0] / "runs" / NAME
    runs = [Run(path) for path in sorted(folder.iterdir())]
    assert [run.config().training.seed for run in runs] == [0, 1]
    assert {run.config().training.epochs for run in runs} == {1}


def test_the_same_command_trains_nothing_and_writes_the_same_numbers(
    finished: tuple[Path, str], data: Path
) -> None:
    out, printed = finished
    before = written_at(out / "runs"), (out / NAME / "results.json").read_bytes()
    again = command("models", *arguments(data, out))
    assert (again.returncode, again.stdout, again.stderr) == (0, printed, "")
    assert (written_at(out / "runs"), (out / NAME / "results.json").read_bytes()) == before


@pytest.mark.parametrize(
    "other", [("--epochs", "2"), ("--precision", "32-true")], ids=["epochs", "precision"]
)
def test_other_settings_in_the_same_directory_are_refused(
    finished: tuple[Path, str], data: Path, other: tuple[str, ...]
) -> None:
    out, _ = finished
    assert refused(*arguments(data, out, *other)) == (
        f"{out / 'runs' / NAME / 'seed-0'}: expected a training with the settings of this "
        "experiment, found other settings or other data; remove the directory, or choose another "
        "--out"
    )


def test_a_killed_command_continues_to_the_same_numbers(
    finished: tuple[Path, str], data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "papers"
    first, second = (out / "runs" / NAME / f"seed-{seed}" for seed in (0, 1))
    ready = second / "config.json"
    code, _ = stopped(data, out, ready, lambda process: os.kill(process, signal.SIGKILL))
    assert code == -signal.SIGKILL
    kept = written_at(first)
    again = command("models", *arguments(data, out))
    assert again.returncode == 0, again.stderr
    assert numbers(out) == numbers(finished[0])
    assert written_at(first) == kept


def test_after_ctrl_c_one_sentence_says_what_is_kept(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "papers"
    ready = out / "runs" / NAME / "seed-0" / "config.json"
    code, errors = stopped(data, out, ready, lambda process: os.killpg(process, signal.SIGINT))
    assert code == 130
    assert errors.splitlines()[-1] == (
        f"stopped: complete epochs are kept in {out / 'runs'}; run the same command again to resume"
    )
    assert "Traceback" not in errors


def test_options_without_a_name_are_refused() -> None:
    assert refused("reproduce", "--data", "mnist-5k") == (
        "NAME: missing; `highway reproduce` without options lists the names"
    )


def test_without_a_name_all_experiments_are_listed() -> None:
    done = command("models", "reproduce")
    assert done.returncode == 0
    assert set(EXPERIMENTS) <= set(done.stdout.split())
    assert done.stdout.endswith("run one of them: highway reproduce NAME --data FOLDER\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["flight"], "NAME: expected one of depth, convergence, thousand-layers, "),
        (["depth", "--seeds", "2"], "--seeds: has no effect on depth; leave it out (--trials, "),
        ([NAME, "--trials", "2"], f"--trials: has no effect on {NAME}; leave it out (--seeds, "),
        ([NAME, "--seeds", "0"], "--seeds: expected a number greater than or equal to 1, found 0"),
        ([NAME, "--seeds", "9999"], "--seeds: expected a number less than or equal to 1000, "),
        ([NAME, "--epochs", "-1"], "--epochs: expected a number greater than or equal to 1, "),
        (["depth", "--trials", "0"], "--trials: expected a number greater than or equal to 1, "),
        (["depth", "--trials", f"{10**30}"], "--trials: expected a number less than or equal to "),
        ([NAME, "--precision", "8"], "--precision: expected '32-true', 'bf16-mixed' or '16-mixed'"),
        (["depth", "--jobs", "0"], "--jobs: expected 1 or more, found 0"),
        (["depth", "--accelerator", "tpu"], "--accelerator: expected 'auto', 'cpu' or 'gpu', "),
    ],
)
def test_invalid_options_are_refused(tmp_path: Path, words: list[str], message: str) -> None:
    out = tmp_path / "papers"
    assert refused("reproduce", *words, "--data", "mnist-5k", "--out", out).startswith(message)
    assert not out.exists()


@pytest.mark.parametrize("option", ["--seeds", "--epochs", "--trials", "--jobs"])
def test_words_for_numbers_are_a_usage_error(option: str) -> None:
    done = invoke("reproduce", NAME, "--data", "mnist-5k", option, "abc")
    assert done.exit_code == 2
    printed = " ".join(done.output.replace("│", " ").split())
    assert option in printed
    assert "unable to parse string as an integer" in printed


@pytest.mark.parametrize("name", ["depth", "cifar10", "cifar100"])
def test_without_data_a_sentence_says_where_they_come_from(name: str) -> None:
    needs = {
        "depth": f"depth needs MNIST's four files (train-images-idx3-ubyte.gz, "
        "train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz, t10k-labels-idx1-ubyte.gz) from "
        f"{MNIST}; without them, --data mnist-5k uses 5,000 bundled images of MNIST",
        "cifar10": "cifar10 needs the folder cifar-10-batches-py of cifar-10-python.tar.gz from "
        "https://www.cs.toronto.edu/~kriz/cifar.html, or its images in folders train/LABEL and "
        "test/LABEL; without it, the experiments on MNIST can be "
        "run with --data mnist-5k",
        "cifar100": "cifar100 needs the folder cifar-100-python of cifar-100-python.tar.gz from "
        "https://www.cs.toronto.edu/~kriz/cifar.html, or its images in folders train/LABEL and "
        "test/LABEL; without it, the experiments on MNIST can be "
        "run with --data mnist-5k",
    }[name]
    assert refused("reproduce", name) == f"--data: {needs}"
    assert refused("reproduce", name, "--data", "nowhere") == (
        f"--data: no such folder: 'nowhere'; {needs}"
    )


def test_a_folder_without_images_has_the_sentence_of_its_reader(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    message = refused("reproduce", "depth", "--data", tmp_path / "empty", "--out", tmp_path / "out")
    assert message.startswith("empty: ")
    assert not (tmp_path / "out").exists()


def test_tables_are_refused(table: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert refused("reproduce", "depth", "--data", table, "--out", out).startswith(
        f"--data: expected images, found the table {str(table)!r}; depth needs MNIST's four files"
    )
    np.savez(
        tmp_path / "rows.npz", x=np.ones((20, 3)) * np.arange(20)[:, None], y=np.arange(20) % 2
    )
    assert refused("reproduce", "depth", "--data", tmp_path / "rows.npz", "--out", out).startswith(
        "--data: expected images, found the table 'rows.npz'; depth needs MNIST's four files"
    )


def test_other_images_than_those_of_cifar_are_refused(data: Path, tmp_path: Path) -> None:
    message = refused("reproduce", "cifar10", "--data", data, "--out", tmp_path / "out")
    assert message.startswith(
        "--data: expected images of 32×32×3, found 8×8 in 'mnist'; cifar10 needs the folder "
    )


@pytest.mark.parametrize(("name", "expected"), [("cifar10", 10), ("cifar100", 100)])
def test_images_with_another_number_of_labels_are_refused(
    tmp_path: Path, name: str, expected: int
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (40, 32, 32, 3)).astype(np.uint8)
    np.savez(tmp_path / "rows.npz", x=images, y=np.arange(40) % 2)
    message = refused("reproduce", name, "--data", tmp_path / "rows.npz", "--out", tmp_path / "out")
    assert message.startswith(
        f"--data: expected {expected} labels, found 2 in 'rows.npz'; {name} needs the folder "
    )


def test_a_file_cannot_be_the_directory(data: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert refused(*arguments(data, tmp_path / "file")) == (
        f"{tmp_path / 'file'}: expected a directory, found a file; choose another --out"
    )
