"""`highway inspect`: what data hold, what is suspicious in them, and the command that trains."""

import json
import re
from dataclasses import asdict

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from models.commands.options import SourceOptions
from models.commands.repetition import with_options
from models.commands.sources import chosen_source
from models.data.column_profile import ColumnProfile
from models.data.profile import Profile, profile_rows, profile_table
from models.data.source import Source, open_source_table, read
from models.data.table import examine_table, find_remedy, labelled_rows
from models.overview import content_text, shares_text, warnings
from service.terminal import escaped, shown

Words = list[str]
NOT_REPEATED = {"data", "json_output"}  # parameters that the printed command has in another form


def inspect(options: SourceOptions, typed: dict[str, Words], *, json_output: bool) -> None:
    """Print a profile of the data; `typed` are the parameters of the command line, by name."""
    source = chosen_source(options)
    profile, remedy = _profile(source)
    command = None
    if remedy is not None:
        words = [
            word for name, given in typed.items() if name not in NOT_REPEATED for word in given
        ]
        command = _command(options, [str(options.data), *words], [*remedy], profile)
    if json_output:
        typer.echo(json.dumps({**asdict(profile), "command": command}))
        return
    _print(Console(), profile)
    if command is not None:
        typer.echo(f"train with: {escaped(command)}")


def _profile(source: Source) -> tuple[Profile, tuple[str, ...] | None]:
    """Return the profile, and the options with which the data can be read, None if unknown."""
    opened = open_source_table(source)
    if opened is None:
        return profile_rows(read(source), validation_share=source.validation_share), ()
    table, selection = opened
    found = examine_table(table, selection)
    if selection.target is not None and not found.problems:
        data = labelled_rows(table, selection, found)
        return profile_rows(data, validation_share=source.validation_share), ()
    remedy = find_remedy(table, selection, found)
    return profile_table(table, found), None if remedy is None else remedy.words()


def _command(options: SourceOptions, words: Words, remedy: Words, profile: Profile) -> str:
    is_table = profile.input is None or profile.input.kind == "table"
    target = ["--target", "COLUMN"] if is_table and profile.columns and not profile.labels else []
    name = re.sub(r"\W+", "-", profile.name.partition(".")[0]).strip("-") or "run"
    return with_options(["train", *words], [*remedy, *target, "--out", f"runs/{name}"])


def _print(console: Console, profile: Profile) -> None:
    content = "" if profile.input is None else f" of {content_text(profile.input)}"
    _line(console, f"{profile.name}: {profile.rows} rows{content}")
    if profile.columns:
        console.print(_columns(profile.columns))
    if profile.labels:
        _line(console, f"labels: {shares_text(profile)}")
        _line(console, f"always the most frequent label: accuracy {profile.majority:.1%}")
    if profile.parts:
        parts = ", ".join(f"{rows} {name}" for name, rows in profile.parts.items())
        _line(console, f"split: {parts}")
    for note in profile.notes:
        _line(console, f"note: {note}")
    for warning in warnings(profile):
        _line(console, f"warning: {warning}")
    for problem in profile.problems:
        _line(console, f"problem: {problem}")


def _line(console: Console, text: str) -> None:
    console.print(Text(escaped(text)), soft_wrap=True)


def _columns(columns: tuple[ColumnProfile, ...]) -> Table:
    table = Table()
    for title in ("column", "kind", "examples", "missing", "different", "range"):
        is_number = title in ("missing", "different")
        table.add_column(title, justify="right" if is_number else "left", overflow="fold")
    for column in columns:
        kind = "problem" if column.problem is not None else column.kind
        table.add_row(
            Text(shown(column.name)),
            Text(shown(kind)),
            Text(", ".join(map(shown, column.examples))),
            str(column.missing or ""),
            str(column.distinct),
            Text(escaped(column.range)),
            style="yellow" if column.warnings or column.problem is not None else None,
        )
    return table
