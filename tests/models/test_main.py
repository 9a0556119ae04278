import subprocess
import sys

import pytest

from models.commands.options import DATA_HELP
from models.data.source import BUNDLED
from models.networks.layers import ACTIVATIONS
from tests.conftest import ROOT, command, command_process

COMMANDS = ["train", "evaluate", "gates", "prune", "search", "presets"]


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
    done = command_process("models", "evaluate", "nowhere")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: nowhere: expected a run directory, found nothing there\n"
