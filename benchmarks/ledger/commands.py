"""The command of this project's server with a ledger."""

from pathlib import Path

from benchmarks.serving.servers import Command, project


def with_ledger(url: str, **settings: str) -> Command:
    """Return the command with `HIGHWAY_LEDGER_URL` and other HIGHWAY_LEDGER_… settings."""
    chosen = {"url": url, **settings}
    variables = [f"HIGHWAY_LEDGER_{name.upper()}={value}" for name, value in chosen.items()]

    def command(file: Path, port: int) -> list[str]:
        return ["env", *variables, *project(file, port)]

    return command
