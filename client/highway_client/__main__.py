"""`python -m highway_client predict FILE`; the console command is `highway predict`."""


def main() -> None:
    """Run a command, if the library of the commands is installed."""
    try:
        from highway_client import command
    except ModuleNotFoundError as error:
        raise SystemExit(
            f"error: the commands: expected the package {error.name!r}, found none; install it "
            "with `pip install typer`"
        ) from error
    command.main()


if __name__ == "__main__":
    main()
