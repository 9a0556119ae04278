"""Scoring of parts: the same in one process and in those of a cluster."""

import hashlib
from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa

from scoring.errors import ScoringError
from scoring.jobs import Job
from scoring.part_files import written_part
from scoring.pipeline import in_order, read_ahead
from scoring.scores import Scorer
from scoring.sources import Part, RowBatch
from service.artifact import read_artifact
from service.classifier import Classifier

# Rows that are computed together: enough for speed, and few enough that the values between layers,
# of an image many times its own, stay in the processor's caches.
LEAST_ROWS, MOST_ROWS, BLOCK_VALUES = 8, 128, 2**16
AHEAD = 4  # batches that are read before they are needed

OnRows = Callable[[int], None]  # gets the number of rows that have just been scored
OnNotes = Callable[[Sequence[str]], None]
Backend = Callable[[Job, Sequence[Part], OnRows, OnNotes], None]


def load_classifier(job: Job) -> Classifier:
    """Load the model of a job; a `ScoringError` if its file has changed since.

    The classifier computes with the calling thread alone.
    """
    content = read_artifact(job.model)
    if hashlib.sha256(content).hexdigest() != job.model_digest:
        raise ScoringError(
            f"{job.model}: expected the model that the command began with, found another one; "
            "run the command again"
        )
    classifier = Classifier(content, threads=1)
    size = classifier.metadata.input.size
    classifier.fix_parts(max(LEAST_ROWS, min(MOST_ROWS, BLOCK_VALUES // size)))
    return classifier


def score_parts(
    job: Job,
    classifier: Classifier,
    parts: Sequence[Part],
    on_rows: OnRows,
    on_notes: OnNotes,
    *,
    threads: int,
) -> None:
    """Score parts of a job, and write a file for each of them to the job's folder.

    While some rows are computed by `threads` threads, the next are read and the last are written.
    Errors are `FileError` and `ScoringError`; the files of the parts before are kept.
    """
    scorer = Scorer(classifier, job.options)

    def score(batch: RowBatch | None) -> tuple[pa.Table, Sequence[str]] | None:
        return None if batch is None else (scorer.score(batch), batch.notes)

    scored = in_order(score, read_ahead(_batches(job, parts), AHEAD), threads)
    for part in parts:
        with written_part(job.file_of(part)) as writer:
            while (item := next(scored)) is not None:
                table, notes = item
                writer.write(table)
                on_notes(notes)
                on_rows(table.num_rows)


def _batches(job: Job, parts: Sequence[Part]) -> Iterator[RowBatch | None]:
    """Yield the rows of all parts, and None at the end of each part."""
    keep_errors = job.options.on_error == "keep"
    for part in parts:
        yield from job.source.read(part, keep_errors=keep_errors)
        yield None
