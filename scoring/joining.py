"""The parts of a job joined to one Parquet file."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
from highway_client.errors import FileError
from pyarrow.parquet import ParquetWriter

from scoring.errors import ScoringError
from scoring.jobs import JOINED, Job
from scoring.part_files import sync_folder, write_synced
from scoring.scores import COMBINED, ERROR, LABEL, ROW
from scoring.work_folder import MARK, job_digest, remove_parts

GROUP_ROWS = 65_536
ATYPICAL = 0.01  # a typicality below it is called atypical


@dataclass(kw_only=True)
class Totals:
    """Counts of all rows: of labels, of atypical rows and of rows with an error."""

    rows: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    atypical: int = 0
    typical: int = 0
    errors: int = 0
    first_error: str | None = None

    def add(self, table: pa.Table) -> None:
        """Count the rows of a table."""
        self.rows += table.num_rows
        labels = table[LABEL].combine_chunks()
        for chunk in labels.chunks if isinstance(labels, pa.ChunkedArray) else [labels]:
            codes = chunk.indices.drop_null().to_numpy()
            counts = np.bincount(codes, minlength=len(chunk.dictionary)).tolist()
            self.labels.update(dict(zip(chunk.dictionary.to_pylist(), counts, strict=True)))
        typicality = table[COMBINED].to_numpy()
        self.atypical += int((typicality < ATYPICAL).sum())
        self.typical += int((typicality >= ATYPICAL).sum())
        errors = table[ERROR].drop_null()
        self.errors += len(errors)
        if len(errors) and self.first_error is None:
            self.first_error = errors[0].as_py()


def join(job: Job) -> Totals:
    """Write the scores of all parts to the output in one step, and count them.

    An existing output is replaced. Rows are numbered on from part to part. After an error, the
    output is as it was. If the job is to stop at rows with errors, one that an earlier run has kept
    is a `FileError`.
    """
    joined = job.folder / JOINED
    try:
        totals = _write(job, joined)
    except BaseException:
        joined.unlink(missing_ok=True)  # which may fill the disk
        raise
    if not totals.rows:
        remove_parts(job.folder)
        raise FileError(f"{job.data}: expected rows below the header line, found none")
    _publish(joined, job)
    return totals


def _write(job: Job, joined: Path) -> Totals:
    totals, writer = Totals(), None
    try:
        for table in _groups(job):
            totals.add(table)
            if job.options.on_error == "stop":
                if totals.first_error is not None:
                    raise FileError(totals.first_error)
                table = table.drop_columns([ERROR])
            if writer is None:
                schema = table.schema.with_metadata(dict(job.described))
                writer = _writer(joined, schema)
            if ROW in table.column_names[:1]:
                numbers = pa.array(np.arange(totals.rows - table.num_rows, totals.rows) + 1)
                table = table.set_column(0, ROW, numbers)
            writer.write_table(_cast(job, table, schema), row_group_size=GROUP_ROWS)
    finally:
        if writer is not None:
            writer.close()
    return totals


def is_joined(job: Job) -> bool:
    """Return whether the output is that of this job's parts, complete but for their removal."""
    mark = job.folder / MARK
    return job.out.exists() and mark.exists() and mark.read_text() == output_mark(job, job.out)


def _publish(joined: Path, job: Job) -> None:
    with joined.open("rb") as file:
        os.fsync(file.fileno())
    write_synced(job.folder / MARK, output_mark(job, joined))
    joined.replace(job.out)
    sync_folder(job.out.absolute().parent)


def output_mark(job: Job, path: Path) -> str:
    """Return the job, and what a file keeps when it is renamed, and another one has not."""
    status = path.stat()
    file = f"{status.st_dev} {status.st_ino} {status.st_size} {status.st_mtime_ns}"
    return f"{job_digest(job)} {file}"


def _writer(path: Path, schema: pa.Schema) -> ParquetWriter:
    floats = [each.name for each in schema if pa.types.is_float32(each.type)]
    others = [each.name for each in schema if each.name not in floats]
    return ParquetWriter(
        str(path),
        schema,
        compression="zstd",
        compression_level=1,
        use_dictionary=[name for name in others if name != ROW],
        use_byte_stream_split=floats,
        write_statistics=[name for name in others if "." not in name],
    )


def _groups(job: Job) -> Iterator[pa.Table]:
    """Yield the scores of all parts in order, as tables of about a row group."""
    for part in job.parts:
        with pa.memory_map(str(job.file_of(part))) as file:
            reader = pa.ipc.open_file(file)
            batches, rows = [], 0
            for index in range(reader.num_record_batches):
                batches.append(reader.get_batch(index))
                rows += batches[-1].num_rows
                if rows >= GROUP_ROWS:
                    yield pa.Table.from_batches(batches)
                    batches, rows = [], 0
            if rows:
                yield pa.Table.from_batches(batches)


def _cast(job: Job, table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return a table in the types of the first one; copied columns may differ between files."""
    if table.schema.equals(schema):
        return table.replace_schema_metadata(schema.metadata)
    try:
        return table.cast(schema)
    except (pa.ArrowException, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise ScoringError(
            f"{job.data}: expected copied columns of one type in all files, found others "
            f"({reason}); omit them from --keep"
        ) from error
