"""Rows to apply a trained network to: a part of its run's data, or other data."""

from typing import cast, get_args

from models.data.dataset import LabelledData, Part, SplitName
from models.data.source import Source
from models.errors import ConfigError, DataError, RunError
from models.run import Run
from models.run_config import RunConfig


def own_rows(
    run: Run, config: RunConfig, part: str, *, data: str | None = None
) -> tuple[str, Part]:
    """Return a part of the run's data after its description; the data may have moved to `data`.

    The run itself keeps its test rows, unless they are many.
    """
    if part not in get_args(SplitName):
        raise ConfigError(f"--part: expected train, validation or test, found {part!r}")
    kept = None if data else run.rows(config)
    if part == "test" and kept is not None and kept.complete:
        return f"{config.data.name} (test)", kept.test
    try:
        rows = run.dataset(config, data).part(cast(SplitName, part))
    except RunError as error:
        if kept is None:
            raise
        count = f"{len(kept.test):,} of its {kept.test_rows:,} test rows"
        raise RunError(f"{error}; the run itself keeps {count}") from error
    check_rows(rows, part)
    return f"{config.data.name} ({part})", rows


def check_rows(rows: Part, part: str) -> None:
    """Raise `DataError` for a part without rows."""
    if not len(rows):
        raise DataError(f"--part: the run has no {part} rows; choose another part")


def other_source(
    config: RunConfig,
    data: str,
    *,
    target: str | None,
    exclude: tuple[str, ...],
    delimiter: str | None,
    encoding: str | None,
) -> Source:
    """Return other data, whose strings are read as those of the run's own data."""
    own = config.data.source
    return Source.of(
        data,
        target=target or own.target,
        exclude=exclude or own.exclude,
        columns=dict(own.text.columns),
        missing=own.text.missing,
        decimal=own.text.decimal,
        delimiter=delimiter or own.text.delimiter,
        encoding=encoding or own.text.encoding,
        keep_spaces=own.text.keep_spaces,
    )


def other_rows(data: LabelledData) -> tuple[str, Part]:
    """Return the test rows of other data, or all rows without any, after their description."""
    if data.test is not None:
        return f"{data.name} (its own test rows)", data.test
    return f"all of {data.name}", data.rows
