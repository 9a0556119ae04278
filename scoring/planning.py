"""Planning: a job from a file or folder of rows and a model."""

import hashlib
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from highway_client.column_names import repeated_name
from highway_client.description import Column, Input, TextFormat
from highway_client.errors import FileError
from highway_client.files.arrow_files import PARQUET_SUFFIXES, is_parquet_folder
from highway_client.files.idx import is_idx_file
from highway_client.files.reading import written
from highway_client.files.text_tables import TEXT_SUFFIXES

from scoring.errors import ScoringError
from scoring.jobs import Job, Options
from scoring.planned import Planned
from scoring.row_sources import plan_array, plan_pictures
from scoring.table_source import WHOLE, plan_table
from scoring.text_source import plan_text
from service import contract
from service.classifier import read_metadata, read_signed
from service.contract import ContractError, Metadata
from service.contract_errors import PREFIX

PART_ROWS = 65_536
PART_VALUES = 2**22  # of the scores of a part, which are in memory together
SUFFIX = ".parquet"


def plan_job(
    data: Path,
    model: Path,
    out: Path,
    options: Options,
    *,
    part_rows: int | None = None,
    public_key: Path | None = None,
) -> Job:
    """Check the model, the rows' form and the output, and divide the rows into parts.

    Errors are `ContractError`, `FileError` and `ScoringError`.
    """
    _check_out(out, data)
    repeated = repeated_name(options.copied)
    if repeated is not None:
        raise ScoringError(f"--id and --keep: expected each column once, found {repeated!r} again")
    content = read_signed(model, public_key)
    try:
        metadata = read_metadata(content)
    except ContractError as error:
        raise ContractError(f"{model}: {error}") from error
    row = written(input_of(metadata.input), delimiter=options.delimiter, encoding=options.encoding)
    planned = _plan(data, row, options, part_rows or _part_rows(metadata))
    return Job(
        data=data,
        model=model,
        model_digest=hashlib.sha256(content).hexdigest(),
        described=_described(metadata),
        out=out,
        row=row,
        options=options,
        source=planned.source,
        parts=planned.parts,
        rows=planned.rows,
        identity=identity(data),
        notes=planned.notes,
    )


def _described(metadata: Metadata) -> dict[str, str]:
    return {
        f"{PREFIX}name": metadata.name,
        f"{PREFIX}version": metadata.version,
        f"{PREFIX}digest": str(metadata.verification["digest"]),
    }


def input_of(row: contract.Input) -> Input:
    """Return the form of a model's rows as the readers of files know it."""
    fields = asdict(row)
    columns = tuple(Column(**column) for column in fields.pop("columns"))
    text = TextFormat(**fields.pop("text"))
    return Input(**fields, columns=columns, text=text)


def identity(data: Path) -> str:
    """Return a digest of the names, sizes and times of change of the files of rows."""
    digest = hashlib.sha256()
    for file in _files(data):
        status = file.stat()
        name = file.relative_to(data).as_posix()
        digest.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _files(data: Path) -> Iterator[Path]:
    yield from sorted(path for path in data.rglob("*") if path.is_file()) or [data]


def _part_rows(metadata: Metadata) -> int:
    width = len(metadata.labels) + len(metadata.layers)
    return max(1024, min(PART_ROWS, PART_VALUES // width))


def _check_out(out: Path, data: Path) -> None:
    if out.suffix.lower() != SUFFIX:
        raise ScoringError(f"--out: expected a file that ends with {SUFFIX}, found {str(out)!r}")
    if out.is_dir():
        raise ScoringError(f"--out: expected a file, found the folder {str(out)!r}")
    if not out.absolute().parent.is_dir():
        raise ScoringError(f"--out: expected an existing folder, found {str(out.parent)!r}")
    if out.exists() and data.exists() and out.samefile(data):
        raise ScoringError(f"--out: expected another file than the rows, found {str(out)!r}")
    if data.is_dir() and out.resolve().is_relative_to(data.resolve()):
        raise ScoringError(
            f"--out: expected a file outside the folder of the rows, found {str(out)!r}"
        )


def _plan(data: Path, row: Input, options: Options, part_rows: int) -> Planned:
    suffix = data.suffix.lower()
    if not data.is_file() and not data.is_dir():
        found = "a pipe or a device" if data.exists() else "none"
        raise FileError(f"{data}: expected a file or a folder, found {found}")
    is_table = is_parquet_folder(data) or (
        data.is_file() and not is_idx_file(data) and suffix in _TABLES
    )
    if options.invert and is_table:
        raise FileError(f"--invert: expected pictures, found {data.name}; omit the option")
    if is_table and suffix in TEXT_SUFFIXES and data.is_file():
        return plan_text(data, row, options.copied, part_rows)
    if is_table:
        return plan_table(data, row, options.copied, part_rows)
    if options.copied:
        raise ScoringError(
            f"--id and --keep: expected a table with named columns, found {str(data)!r}"
        )
    if data.is_dir():
        return plan_pictures(data, row, part_rows, invert=options.invert)
    if suffix == ".json":
        raise FileError(
            f"{data}: expected rows such as .csv, .parquet or .npz, found JSON, which is the form "
            "of requests; send it with `highway predict`"
        )
    return plan_array(data, row, part_rows, invert=options.invert)


_TABLES = (*TEXT_SUFFIXES, *PARQUET_SUFFIXES, *WHOLE)
