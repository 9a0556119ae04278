import pytest

from tests.conftest import command

COMMANDS = ["train", "evaluate", "gates", "search", "presets"]


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_every_command_has_help(name: str) -> None:
    done = command("models", *name.split(), "--help")
    assert done.returncode == 0
    assert "Usage: python -m models" in done.stdout


def test_the_commands_are_listed() -> None:
    done = command("models", "--help")
    assert all(name in done.stdout for name in COMMANDS)


def test_a_fault_is_one_sentence_and_exit_code_1() -> None:
    done = command("models", "evaluate", "nowhere")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: nowhere: expected a run directory, found nothing there\n"
