"""A run of a job: what is pending is scored, and all parts are joined."""

from collections.abc import Sequence

from scoring.errors import ChangedError, ScoringError
from scoring.jobs import Job
from scoring.joining import Totals, is_joined, join
from scoring.part_files import count_rows
from scoring.part_scoring import Backend, OnNotes, OnRows, load_classifier, score_parts
from scoring.planning import identity
from scoring.sources import Part
from scoring.work_folder import finished_parts, pending_parts, remove_folder, work_folder
from service.processors import batch_threads, usable_processors


def local(threads: int | None = None) -> Backend:
    """Return the backend of this process; by default a thread for each processor it may use."""
    count = threads or batch_threads(usable_processors(), 1)

    def score(job: Job, parts: Sequence[Part], on_rows: OnRows, on_notes: OnNotes) -> None:
        score_parts(job, load_classifier(job), parts, on_rows, on_notes, threads=count)

    return score


def run(
    job: Job,
    backend: Backend,
    on_rows: OnRows,
    on_notes: OnNotes,
    *,
    force: bool = False,
    restart: bool = False,
) -> Totals | None:
    """Score the parts of a job that are not yet scored, and write its output.

    Returns None if an earlier run had written it, and was killed before it removed its parts.
    `on_rows` also gets the rows that an earlier run has scored. Errors are `ScoringError`,
    `FileError` and `OSError`; finished parts are kept for the next run.
    """
    _check_out(job, force=force, restart=restart)
    with work_folder(job, restart=restart):
        try:
            # Once more: another run may have ended before this one got the folder.
            if _check_out(job, force=force, restart=restart):
                remove_folder(job.folder)
                return None
            totals = _score(job, backend, on_rows, on_notes)
        except BaseException:
            if not finished_parts(job):
                remove_folder(job.folder)
            raise
        remove_folder(job.folder)
    return totals


def _check_out(job: Job, *, force: bool, restart: bool) -> bool:
    """Return whether an earlier run had written all scores; refuse to replace another output."""
    is_written = is_joined(job) and not restart
    if job.out.exists() and not force and not is_written:
        raise ScoringError(
            f"--out: expected a file that does not exist, found {str(job.out)!r}; --force "
            "replaces it"
        )
    return is_written


def _score(job: Job, backend: Backend, on_rows: OnRows, on_notes: OnNotes) -> Totals:
    for part in finished_parts(job):
        on_rows(count_rows(job.file_of(part)))
    pending = pending_parts(job)
    if pending:
        backend(job, pending, on_rows, on_notes)
    if _is_changed(job):
        raise ChangedError(
            f"{job.data}: expected rows that stay the same while they are scored, found that a "
            "file has changed since; --restart begins anew"
        )
    return join(job)


def _is_changed(job: Job) -> bool:
    try:
        return identity(job.data) != job.identity
    except OSError:  # it has been removed
        return True
