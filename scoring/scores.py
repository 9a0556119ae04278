"""The scores of rows as a table: labels, probabilities, typicality and gates.

The columns have the names that `highway predict --out` writes.
"""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np
import pyarrow as pa
from highway_client.json_values import FloatArray
from numpy.typing import NDArray

from scoring.errors import ScoringError
from scoring.jobs import Options
from scoring.sources import RowBatch
from service.classifier import Classifier
from service.contract import (
    GATE_MEAN,
    PROBABILITIES,
    TYPICALITY,
    TYPICALITY_COLUMNS,
    Metadata,
)

ROW, FILE, LABEL, ERROR = "row", "file", "label", "error"
COMBINED = f"{TYPICALITY}_combined"
COMPUTED = (PROBABILITIES, GATE_MEAN, TYPICALITY)

Number = TypeVar("Number", bound=np.generic)


class Scorer:
    """Scores batches of rows with a model; thread-safe."""

    def __init__(self, classifier: Classifier, options: Options) -> None:
        self._classifier = classifier
        self._options = options
        self._names = float_names(classifier.metadata)
        self._labels = pa.array(classifier.metadata.labels, pa.string())

    def score(self, batch: RowBatch) -> pa.Table:
        """Return the scores of all rows of a batch, those with errors as nulls.

        Rows are numbered from 1 in each batch. An output that is not finite is an error of its row.
        """
        errors = dict(batch.errors)
        valid = np.delete(np.arange(batch.count), list(errors))
        numbers, index = self._computed(batch.rows)
        is_finite = np.isfinite(numbers[1 : 1 + len(self._labels)]).all(axis=0)
        if not is_finite.all():
            for row in valid[~is_finite].tolist():
                errors[row] = (
                    f"{batch.locate(row)}: inputs overflow float32; the output is not finite"
                )
            if self._options.on_error == "stop":
                raise ScoringError(errors[min(errors)])
            numbers, index, valid = numbers[:, is_finite], index[is_finite], valid[is_finite]
        return self._table(batch, numbers, index, valid, errors)

    def _computed(self, rows: FloatArray) -> tuple[FloatArray, NDArray[np.int32]]:
        """Return the numbers of all columns, (columns, rows), and the index of each label."""
        if not len(rows):
            return np.empty((len(self._names), 0), np.float32), np.empty(0, np.int32)
        probabilities, gates, typicality = self._classifier.compute(COMPUTED, rows)
        numbers = np.empty((len(self._names), len(rows)), np.float32)
        labels = probabilities.shape[1]
        by_label = numbers[1 : 1 + labels]  # numpy is slow along short rows
        by_label[:] = probabilities.T
        by_label.max(axis=0, out=numbers[0])
        numbers[1 + labels :] = np.concatenate([typicality.T, gates.T])
        return numbers, by_label.argmax(axis=0).astype(np.int32)

    def _table(
        self,
        batch: RowBatch,
        numbers: FloatArray,
        index: NDArray[np.int32],
        valid: NDArray[np.int64],
        errors: Mapping[int, str],
    ) -> pa.Table:
        copied = _copied(batch)
        columns = self._ids(batch, copied)
        mask = None
        if errors:
            mask = np.ones(batch.count, np.bool_)
            mask[valid] = False
            numbers = _spread(numbers, valid, batch.count)
            index = _spread(index[np.newaxis], valid, batch.count)[0]
        labels = pa.DictionaryArray.from_arrays(pa.array(index, mask=mask), self._labels)
        columns[LABEL] = labels
        for name, values in zip(self._names, numbers, strict=True):
            columns[name] = pa.array(values, mask=mask)
        columns[ERROR] = _errors(errors, batch.count)
        for name in self._options.keep:
            columns[free_name(name, columns)] = copied[name]
        return pa.table(columns)

    def _ids(self, batch: RowBatch, copied: Mapping[str, pa.ChunkedArray]) -> dict[str, pa.Array]:
        column = self._options.id_column
        if column is not None:
            taken = (LABEL, *self._names, ERROR)
            return {free_name(column, taken): copied[column]}
        if batch.names is not None:
            return {FILE: pa.array(batch.names, pa.string())}
        return {ROW: pa.array(np.arange(1, batch.count + 1))}


def float_names(metadata: Metadata) -> list[str]:
    """Return the names of the columns of numbers, each once.

    A layer that is called like another column has the name with " gate".
    """
    names = [
        "probability",
        *(f"probability_{label}" for label in metadata.labels),
        *(f"{TYPICALITY}_{column}" for column in TYPICALITY_COLUMNS),
    ]
    taken = [*names, ROW, FILE, LABEL, ERROR]
    for layer in metadata.layers:
        name = layer.name
        while name in taken:
            name += " gate"
        names.append(name)
        taken.append(name)
    return names


def free_name(column: str, taken: Sequence[str] | Mapping[str, object]) -> str:
    """Return the name of a column of the input among others: with "input_" if it is theirs."""
    while column in taken:
        column = f"input_{column}"
    return column


def _copied(batch: RowBatch) -> dict[str, pa.ChunkedArray]:
    """Return the columns to copy, those of categories as their values."""
    if batch.columns is None:
        return {}
    columns = {}
    for name, values in zip(batch.columns.column_names, batch.columns.columns, strict=True):
        if pa.types.is_dictionary(values.type):
            chunks = [chunk.dictionary_decode() for chunk in values.chunks]
            values = pa.chunked_array(chunks, values.type.value_type)
        columns[name] = values
    return columns


def _errors(errors: Mapping[int, str], count: int) -> pa.Array:
    if not errors:
        return pa.nulls(count, pa.string())
    return pa.array([errors.get(row) for row in range(count)], pa.string())


def _spread(values: NDArray[Number], valid: NDArray[np.int64], count: int) -> NDArray[Number]:
    """Return `count` columns, zero but for those at the indices `valid`."""
    spread = np.zeros((len(values), count), values.dtype)
    spread[:, valid] = values
    return spread
