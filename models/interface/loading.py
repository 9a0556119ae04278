"""`load_data`: a data set from a file, a name or objects in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from models.data.dataset import HELD_OUT_SHARE, Dataset, LabelledData, Schema, split
from models.data.profile import profile_dataset
from models.data.source import MEMORY, Source, read
from models.errors import DataError
from models.interface.memory import AnyData, read_memory
from models.interface.wording import in_python_words, python_words, warn
from models.overview import overview_lines, warnings
from models.settings import changed


@dataclass(frozen=True, kw_only=True, repr=False)
class LoadedData:
    """Rows in three parts, and where they came from; its text is a short overview."""

    source: Source
    dataset: Dataset

    def __repr__(self) -> str:
        return python_words("\n".join(overview_lines(self.dataset)))

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels in the order of the network's outputs."""
        return self.dataset.labels

    def columns(self) -> pd.DataFrame:
        """Return a row for each column of a table; without rows for images."""
        return pd.DataFrame(
            [
                {
                    "column": each.name,
                    "kind": each.kind,
                    "missing": each.missing,
                    "warnings": "; ".join(each.warnings),
                }
                for each in profile_dataset(self.dataset).columns
            ],
            columns=["column", "kind", "missing", "warnings"],
        )


def load_data(
    source: AnyData,
    *,
    target: str | None = None,
    exclude: str | Sequence[str] = (),
    columns: Mapping[str, str] | None = None,
    missing: str | Sequence[str] = (),
    decimal: str = ".",
    delimiter: str | None = None,
    encoding: str | None = None,
    keep_spaces: bool = False,
    validation_share: float = HELD_OUT_SHARE,
) -> LoadedData:
    """Read and split data; notes and suspicious things are issued as `ModelsWarning`.

    `source` is what `highway train` takes (a path, a bundled name, "openml:NAME"), a data frame of
    any library, a pair of rows and labels, or arrays by name as in an .npz file. `target` is the
    column to predict, `columns` declares kinds by name: "number", "category", "date" or
    "date:FORMAT". Raises `DataError` and `ConfigError`, each with one sentence.
    """
    with in_python_words():
        declared = Source.of(
            str(source) if isinstance(source, str | Path) else MEMORY,
            target=target,
            exclude=_several(exclude),
            columns=columns,
            missing=_several(missing),
            decimal=decimal,
            delimiter=delimiter,
            encoding=encoding,
            keep_spaces=keep_spaces,
        )
        declared = changed(declared, validation_share=validation_share)
        dataset = split(labelled(source, declared), validation_share=validation_share)
    profile = profile_dataset(dataset)
    warn((*profile.notes, *warnings(profile)))
    return LoadedData(source=declared, dataset=dataset)


def labelled(data: AnyData, source: Source, schema: Schema | None = None) -> LabelledData:
    """Read data with the options of `source`, encoded as in `schema` if it is given."""
    if source.data != MEMORY:
        return read(source, schema)
    for argument in ("delimiter", "encoding"):
        if getattr(source.text, argument) is not None:
            raise DataError(f"{argument}: has an effect only with files; leave it out")
    return read_memory(data, source, schema)


def _several(names: str | Sequence[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)
