"""The console command `highway`: one name for the commands of all packages.

A command's package is imported when the command runs, so that `highway --help` is instant and the
serving image needs nothing of training.
"""

import sys
from importlib import import_module
from typing import NamedTuple

from service import __version__, terminal


class Command(NamedTuple):
    """A command: the module whose `main()` runs it, its help, and how to install what it needs."""

    module: str
    help: str
    install: str


TRAIN = "pip install 'highway-networks[train]'"
CLIENT = "pip install highway-client"
SERVE = "pip install highway-networks"
SCORE = "pip install 'highway-networks[score]'"

GROUPS: dict[str, dict[str, Command]] = {
    "Train a network and inspect it (extra 'train')": {
        "inspect": Command("models.__main__", "Look at your data before a training.", TRAIN),
        "train": Command("models.__main__", "Train a highway classifier on your data.", TRAIN),
        "evaluate": Command("models.__main__", "Score a trained network.", TRAIN),
        "gates": Command("models.__main__", "Draw gates, and the cost of closing layers.", TRAIN),
        "prune": Command("models.__main__", "Remove layers, gates and units not needed.", TRAIN),
        "search": Command("models.__main__", "Search for hyper-parameters.", TRAIN),
        "reproduce": Command("models.__main__", "Run the papers' experiments again.", TRAIN),
        "presets": Command("models.__main__", "List the named networks.", TRAIN),
    },
    "Export it to one verified ONNX file (extra 'train')": {
        "export": Command("export.__main__", "Convert a run to a verified ONNX file.", TRAIN),
        "verify": Command("export.__main__", "Repeat the checks of an ONNX file.", TRAIN),
        "show": Command("export.__main__", "Show the content of an ONNX file.", TRAIN),
        "sign": Command("export.__main__", "Sign an ONNX file.", TRAIN),
    },
    "Serve it and send requests": {
        "serve": Command("service.__main__", "Serve ONNX files over HTTP.", SERVE),
        "check": Command("service.__main__", "Check whether ONNX files can be served.", SERVE),
        "key": Command("service.__main__", "Make an API key for a server.", SERVE),
        "predict": Command("highway_client.command", "Predict a file's rows.", CLIENT),
        "explain": Command("highway_client.command", "Explain the label of one row.", CLIENT),
        "requests": Command("highway_client.command", "List past requests.", CLIENT),
        "request": Command("highway_client.command", "Show one past request.", CLIENT),
        "flag": Command("highway_client.command", "Tag a past request.", CLIENT),
        "drift": Command("highway_client.command", "Show whether the traffic drifts.", CLIENT),
    },
    "Score whole files without a server (extra 'score')": {
        "score": Command("scoring.__main__", "Score the rows of a file or folder.", SCORE),
    },
}
COMMANDS = {name: command for group in GROUPS.values() for name, command in group.items()}


def main() -> None:
    """Run the command that the first argument names."""
    terminal.exit_on_signals()
    name = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if name in ("--help", "-h"):
        terminal.run(lambda: sys.stdout.write(_help()))
    elif name == "--version":
        terminal.run(lambda: sys.stdout.write(f"highway {__version__}\n"))
    elif name in COMMANDS:
        sys.argv[0] = "highway"  # shown in usage lines
        _run(name, COMMANDS[name])
    else:
        raise SystemExit(
            f"error: expected a command, found {name!r}; `highway --help` lists the commands"
        )


def _run(name: str, command: Command) -> None:
    try:
        import_module(command.module).main()
    except ModuleNotFoundError as error:
        missing = str(error.name).partition(".")[0]
        raise SystemExit(
            f"error: highway {name}: expected the package {missing!r}, found none; install it with "
            f"`{command.install}`"
        ) from error


def _help() -> str:
    paragraphs = ["Usage: highway COMMAND [OPTIONS]\n"]
    for title, commands in GROUPS.items():
        lines = [f"  {name:<10}{command.help}\n" for name, command in commands.items()]
        paragraphs.append(f"{title}:\n{''.join(lines)}")
    paragraphs.append("`highway COMMAND --help` explains a command; --version shows the version.\n")
    return "\n".join(paragraphs)
