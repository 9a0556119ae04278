"""Runs the commands of `service.commands`."""

from service.signals import exit_on_signals


def main() -> None:
    """Run a command; signals are handled before the imports, which take most of the start."""
    exit_on_signals()
    from service.commands import main as run_command

    run_command()


if __name__ == "__main__":
    main()
