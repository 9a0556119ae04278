"""The folder of the scores of finished parts, which a later run continues."""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from scoring.errors import ChangedError, ScoringError
from scoring.jobs import JOINED, PARTS, Job
from scoring.part_files import TEMPORARY, publish, temporary_of
from scoring.sources import Part

MANIFEST, LOCK = "manifest.json", "lock"
MARK = "joined"  # says which output the parts are in
# The files of a folder but its lock and its mark.
OWN = (PARTS, f"*{TEMPORARY}", MANIFEST, JOINED)
ANEW = "--restart begins anew"


@contextmanager
def work_folder(job: Job, *, restart: bool) -> Iterator[None]:
    """Lock the folder of a job until the block ends, and check that its parts are of this job.

    Errors are `ScoringError`s: another run uses the folder, or its parts are of another model,
    other rows or other options. `restart` removes such parts. Files that an earlier run has not
    completed are removed.
    """
    with _locked(job.folder):
        manifest = job.folder / MANIFEST
        _check_own(job.folder)
        _remove(job.folder, f"*{TEMPORARY}")
        if restart:
            remove_parts(job.folder)
        elif manifest.exists():
            _check(job, manifest)
        else:
            remove_parts(job.folder)  # of a run that was killed before it wrote its manifest
        if not manifest.exists():
            write_json(manifest, _description(job))
        yield


def finished_parts(job: Job) -> list[Part]:
    """Return the parts whose scores are complete, in order."""
    return [part for part in job.parts if job.file_of(part).exists()]


def pending_parts(job: Job) -> list[Part]:
    """Return the parts that are not yet scored, in order."""
    return [part for part in job.parts if not job.file_of(part).exists()]


def remove_parts(folder: Path) -> None:
    """Remove the files of all runs in the folder but its lock and its mark."""
    for pattern in OWN:
        _remove(folder, pattern)


def _remove(folder: Path, pattern: str) -> None:
    for path in list(folder.glob(pattern)):
        path.unlink(missing_ok=True)


def _check_own(folder: Path) -> None:
    """Refuse a folder with files that no run has written, but hidden ones, as NFS makes them."""
    for path in folder.iterdir():
        is_own = path.name in (LOCK, MARK) or any(map(path.match, OWN))
        if not is_own and not path.name.startswith("."):
            raise ScoringError(
                f"{folder}: expected the scores of finished parts, found {path.name!r}; move it "
                "elsewhere, or choose another --out"
            )


def write_json(path: Path, content: object) -> None:
    """Write a file that appears complete or not at all."""
    temporary = temporary_of(path)
    temporary.write_text(json.dumps(content))
    publish(temporary, path)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, which the system releases when the process ends in any way."""
    while True:
        folder.mkdir(exist_ok=True)
        try:
            descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
        except FileNotFoundError:  # another run has removed the folder since
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_same(descriptor, folder / LOCK):  # not of a folder that was removed meanwhile
                yield
                return
        except BlockingIOError as error:
            raise ScoringError(
                f"{folder}: another run is scoring into this folder; wait for its end, or choose "
                "another --out"
            ) from error
        finally:
            os.close(descriptor)


def _is_same(descriptor: int, path: Path) -> bool:
    return path.exists() and os.path.samestat(os.fstat(descriptor), path.stat())


def remove_folder(folder: Path) -> None:
    """Remove the folder: first the parts, and the mark that they are in the output after them."""
    remove_parts(folder)
    (folder / MARK).unlink(missing_ok=True)
    (folder / LOCK).unlink(missing_ok=True)
    with suppress(OSError):  # another run has entered it, or a file is not ours
        folder.rmdir()


def job_digest(job: Job) -> str:
    """Return a digest of all that the output depends on."""
    described = {**_description(job), "on_error": job.options.on_error}
    return hashlib.sha256(json.dumps(described).encode()).hexdigest()


def _description(job: Job) -> dict[str, str]:
    """Describe what the finished parts depend on: all but what happens to rows with errors."""
    described = asdict(job.options)
    del described["on_error"]
    options = json.dumps(described, sort_keys=True)
    parts = hashlib.sha256(repr(job.parts).encode()).hexdigest()
    return {
        "model": job.model_digest,
        "rows": job.identity,
        "options": f"{options} parts {parts}",
    }


def _read(manifest: Path) -> dict[str, object]:
    """Return a manifest; one that is damaged describes no job."""
    try:
        found = json.loads(manifest.read_text())
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _check(job: Job, manifest: Path) -> None:
    found, expected = _read(manifest), _description(job)
    for key, noun in (
        ("model", f"the model {job.model}"),
        ("rows", f"the rows {job.data}"),
        ("options", "the options"),
    ):
        if found.get(key) != expected[key]:
            raise ChangedError(
                f"{job.folder}: expected to continue with {noun} of its finished parts, found "
                f"another; {ANEW}"
            )
