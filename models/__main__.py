"""The command line: `python -m models train | evaluate | gates | prune | presets | search`."""

import typer

from models.commands.evaluate import evaluate_command
from models.commands.gates import gates_command
from models.commands.presets import presets_command
from models.commands.prune import prune_command
from models.commands.search import search_command
from models.commands.train import train_command
from models.errors import ModelsError, StoppedError

app = typer.Typer(
    help="Train highway classifiers and look into them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("train")(train_command)
app.command("evaluate")(evaluate_command)
app.command("gates")(gates_command)
app.command("prune")(prune_command)
app.command("presets")(presets_command)
app.command("search")(search_command)

STOPPED = 130  # the exit code of a command ended by Ctrl-C


def main() -> None:
    """Run a command; what the user can put right is one sentence and exit code 1."""
    try:
        app()
    except StoppedError as error:
        typer.echo(str(error), err=True)
        raise SystemExit(STOPPED) from error
    except ModelsError as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    main()
