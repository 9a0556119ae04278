"""A job: which rows a model scores, in which parts, and where their scores go.

A job and its parts can be pickled, so that other processes score parts of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from highway_client.description import Input

from scoring.sources import Part, Source

PARTS = "part-*.arrow"
JOINED = "joined.parquet"  # until it gets the name of the output


@dataclass(frozen=True, kw_only=True)
class Options:
    """How the rows are read and what is written beside their scores.

    `delimiter` and `encoding` are those of a text, None to find them. `invert` inverts pictures.
    `id_column` is a column that identifies the rows instead of their numbers; `keep` are further
    columns to copy. `on_error` is what happens to a row that cannot be read or computed.
    """

    delimiter: str | None = None
    encoding: str | None = None
    invert: bool = False
    id_column: str | None = None
    keep: tuple[str, ...] = ()
    on_error: Literal["stop", "keep"] = "stop"

    @property
    def copied(self) -> tuple[str, ...]:
        """The columns of the input that the scores have too."""
        return self.keep if self.id_column is None else (self.id_column, *self.keep)


@dataclass(frozen=True, kw_only=True)
class Job:
    """Rows to score: all parts in order, and the folder that holds their scores.

    `model_digest` is that of the model's file, and `described` is the metadata of the output: the
    model's name, version and digest. `identity` describes the input, so that another one is
    noticed. `rows` is their number, or an estimate of it; None if it is not known.
    """

    data: Path
    model: Path
    model_digest: str
    described: Mapping[str, str]
    out: Path
    row: Input
    options: Options
    source: Source
    parts: tuple[Part, ...]
    rows: int | None
    identity: str
    notes: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """The folder of the scores of finished parts, beside the output."""
        return self.out.with_name(f"{self.out.name}.parts")

    def file_of(self, part: Part) -> Path:
        """Return the file of the scores of a part."""
        return self.folder / PARTS.replace("*", f"{part.number:06}")
