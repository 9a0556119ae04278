import csv
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest

from models.run import Run
from tests.conftest import command, once
from tests.launcher import PreparedProcess
from tests.models.commands.conftest import invoke, refused

TRIALS = 4
SMALL = ("--depth", "3", "--width", "8", "--epochs", "2", "--trials", str(TRIALS))
# At this weight decay the second trial diverges, with a learning rate of 0.83.
ARGUMENTS = ("models", "search", "digits", *SMALL, "--weight-decay", "40")


def search(out: Path, *arguments: str) -> tuple[Path, str]:
    """Return the directory and the output of a search with two processes."""
    printed = out.with_suffix(".txt")

    def run() -> None:
        done = command(*arguments, "--out", out, "--jobs", "2")
        assert done.returncode == 0, done.stderr
        assert [line.partition(":")[0] for line in done.stderr.splitlines()] == ["digits", "labels"]
        printed.write_text(done.stdout)

    return once(out, run), printed.read_text()


@pytest.fixture(scope="module")
def searched(shared: Path) -> tuple[Path, str]:
    """A search without a trial that learns anything: the weight decay is too strong."""
    return search(shared / "search" / "digits", *ARGUMENTS)


@pytest.fixture(scope="module")
def learned(shared: Path) -> tuple[Path, str]:
    """A search with trials that learn."""
    return search(shared / "search" / "learned", "models", "search", "digits", *SMALL)


def rows(out: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((out / "trials.csv").read_text().splitlines()))


def stopped(out: Path, number: int, stop: Callable[[int], None]) -> tuple[int, str]:
    """Start a search in a process group of its own and stop it during the trial of that number."""
    process = PreparedProcess(
        *(*ARGUMENTS, "--out", out),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    config = out / "trials" / f"{number:04d}" / "config.json"
    until = time.monotonic() + 100
    while not config.is_file() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    stop(process.pid)
    _, output = process.communicate(timeout=60)
    return process.returncode, output


def test_a_search_writes_a_table_a_csv_file_and_a_picture(searched: tuple[Path, str]) -> None:
    out, printed = searched
    assert printed.startswith("4 trials by validation loss, 1 of which failed\n")
    assert "no trial is certainly better than always predicting '1'; the lowest loss is" in printed
    assert [row["trial"] for row in rows(out)] == ["0", "1", "2", "3"]
    assert ET.parse(out / "search.svg").getroot().tag == "{http://www.w3.org/2000/svg}svg"
    assert (out / "search.png").read_bytes().startswith(b"\x89PNG")


def test_a_diverging_trial_is_recorded_and_does_not_stop_the_search(
    searched: tuple[Path, str],
) -> None:
    trials = rows(searched[0])
    assert [row["state"] for row in trials] == ["finished", "failed", "finished", "finished"]
    assert trials[1]["reason"] == "epoch 2: expected a finite loss, found nan"


def test_the_best_trial_is_an_ordinary_run(learned: tuple[Path, str]) -> None:
    out, printed = learned
    finished = [row for row in rows(out) if row["state"] == "finished"]
    best = min(finished, key=lambda row: float(row["validation_loss"]))
    run = Run(out / "trials" / f"{int(best['trial']):04d}")
    test = run.metrics()[-1]["test_accuracy"]
    line = printed.splitlines()[-2]
    assert line.startswith(
        f"{run.path}: the best trial, validation loss {float(best['validation_loss']):.4f}, "
        f"validation accuracy {float(best['validation_accuracy']):.2%} (95 % interval "
    )
    assert line.endswith(f"), test accuracy {test:.2%} on 180 rows")
    assert run.network().config == run.config().network


def test_the_printed_command_trains_the_best_trial_again(learned: tuple[Path, str]) -> None:
    out, printed = learned
    text, _, typed = printed.splitlines()[-1].partition(" -m models ")
    assert text == f"all trials are in {out}; train the best at full length: {sys.executable}"
    done = invoke(*shlex.split(typed), "--epochs", "2")
    assert done.exit_code == 0, done.output
    best = Run(Path(printed.splitlines()[-2].partition(": ")[0]))
    again = Run(out / "best")
    assert again.config().training == best.config().training
    assert again.config().network == best.config().network


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_finished_search_prints_its_report_again(searched: tuple[Path, str], jobs: str) -> None:
    out, printed = searched
    again = invoke(*ARGUMENTS[1:], "--out", out, "--jobs", jobs).stdout
    assert again.splitlines()[:-1] == printed.splitlines()[:-1]


def test_a_killed_search_resumes_to_the_same_results(
    searched: tuple[Path, str], tmp_path: Path
) -> None:
    out = tmp_path / "search"
    code, _ = stopped(out, 2, lambda process: os.kill(process, signal.SIGKILL))
    assert code == -signal.SIGKILL
    assert not (out / "trials.csv").exists()
    done = command(*ARGUMENTS, "--out", out)
    assert done.returncode == 0, done.stderr
    for row, other in zip(rows(out), rows(searched[0]), strict=True):
        # With another number of threads torch may add in another order.
        loss, expected = row.pop("validation_loss"), other.pop("validation_loss")
        if expected:
            assert float(loss) == pytest.approx(float(expected), rel=1e-4)
        assert row == other


def test_the_error_after_ctrl_c_explains_how_to_resume(tmp_path: Path) -> None:
    out = tmp_path / "search"
    code, output = stopped(out, 0, lambda process: os.killpg(process, signal.SIGINT))
    assert code == 130
    kept = rf"stopped: [0-3] of 4 trials are kept in {re.escape(str(out))}; "
    last = output.splitlines()[-1]
    assert re.fullmatch(kept + "run the same command again to resume", last)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["digits"], "--out: missing; give a directory for the search"),
        (["--out", "x"], "DATA: missing; give digits, "),
        (
            ["digits", "--out", "x", "--trials", "0"],
            "--trials: expected a number greater than or equal to 1, found 0",
        ),
        (
            ["digits", "--out", "x", "--jobs", "0"],
            "--jobs: expected a number greater than or equal to 1, found 0",
        ),
        (
            ["digits", "--out", "x", "--sampler", "grid"],
            "--sampler: expected 'random' or 'tpe', found 'grid'",
        ),
        (
            ["digits", "--out", "x", "--validation-share", "0"],
            "--validation-share: expected a number above 0, because validation rows rank the "
            "trials, found 0",
        ),
    ],
)
def test_invalid_options_are_refused(arguments: list[str], message: str) -> None:
    assert refused("search", *arguments).startswith(message)


def test_other_settings_are_refused(searched: tuple[Path, str]) -> None:
    out, _ = searched
    assert refused(*ARGUMENTS[1:], "--out", out, "--seed", "1") == (
        f"{out}: this search was started with seed 0, found 1; give the same settings, or choose "
        "another --out"
    )
