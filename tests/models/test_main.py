import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from models.commands.options import DATA_HELP
from models.data.source import BUNDLED
from models.networks.layers import ACTIVATIONS
from tests.conftest import ROOT, command, prepared_process

COMMANDS = ["inspect", "train", "evaluate", "gates", "prune", "search", "reproduce", "presets"]


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help_is_printed_without_importing_slow_libraries(name: str) -> None:
    script = (
        "import sys\n"
        "for slow in ('torch', 'sklearn', 'pandas', 'matplotlib', 'optuna', 'numpy'):\n"
        "    sys.modules[slow] = None\n"
        f"sys.argv = ['highway', *{name.split()}, '--help']\n"
        "from models.__main__ import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Usage: highway" in done.stdout


def test_the_commands_are_listed() -> None:
    done = command("models", "--help")
    assert "Usage: python -m models" in done.stdout
    assert all(name in done.stdout for name in COMMANDS)


def test_help_lists_all_bundled_data_and_activations() -> None:
    help_text = " ".join(command("models", "train", "--help").stdout.replace("│", " ").split())
    assert f"{', '.join(BUNDLED)}, " in DATA_HELP
    *names, last = ACTIVATIONS
    assert f"{', '.join(names)} or {last}." in help_text


def test_an_error_is_one_sentence_and_exit_code_1() -> None:
    done = prepared_process("models", "evaluate", "nowhere")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: nowhere: expected a run directory, found nothing there\n"


def test_a_table_that_options_mend_is_refused_with_the_command_that_goes_through(
    tmp_path: Path,
) -> None:
    rows = "\n".join(f"{'-' if n % 9 == 0 else n},${n},{n % 2}" for n in range(40))
    (tmp_path / "my pets.csv").write_text(f"age,price,y\n{rows}\n")
    arguments = ("train", tmp_path / "my pets.csv", "--target", "y", "--out", tmp_path / "run")
    done = prepared_process("models", *arguments, "--epochs", "1")
    assert (done.returncode, done.stdout) == (1, "")
    *problems, introduction, again = done.stderr.splitlines()
    assert problems[0] == "error: my pets.csv: the table has 2 problems:"
    assert len(problems) == 3
    assert introduction == "this command goes through:"
    words = shlex.split(again)
    assert words[-4:] == ["--column", "price=number", "--missing", "-"]
    done = prepared_process("models", *words[words.index("train") :])
    assert done.returncode == 0, done.stderr
