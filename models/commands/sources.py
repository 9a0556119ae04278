"""The data that a command's options describe; torch is not imported."""

from models.commands.options import SourceOptions
from models.data.selection import parse_columns, parse_missing
from models.data.source import KINDS, Source
from models.errors import ConfigError
from models.settings import changed


def chosen_source(options: SourceOptions) -> Source:
    """Return the source that the options describe; a `ConfigError` if they name no data."""
    if options.data is None:
        raise ConfigError(f"DATA: missing; give {KINDS}")
    source = Source.of(
        options.data,
        target=options.target,
        exclude=tuple(options.exclude or ()),
        columns=parse_columns(options.column or ()),
        missing=parse_missing(options.missing or ""),
        decimal=options.decimal or ".",
        delimiter=options.delimiter,
        encoding=options.encoding,
        keep_spaces=bool(options.keep_spaces),
    )
    return changed(source, validation_share=options.validation_share)
