"""Runs the commands of `service.commands`."""

import sys

from service import terminal
from service.signals import exit_on_sigterm


def main() -> None:
    """Run a command; signals are handled before the imports, which take most of the start."""
    if sys.argv[1:2] == ["serve"]:
        exit_on_sigterm()
    terminal.run(_run_command)


def _run_command() -> None:
    from service.commands import main as run_command

    run_command()


if __name__ == "__main__":
    main()
