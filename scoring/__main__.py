"""The command line: `highway score`, `python -m scoring score`."""

from service import terminal

if __name__ == "__main__":  # before the other imports, which take most of the start
    terminal.exit_on_signals()


def main() -> None:
    """Run the command."""
    from scoring.command import main as run_command

    run_command()


if __name__ == "__main__":
    main()
