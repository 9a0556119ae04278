"""The part of a job that a worker of Ray scores; without Ray itself."""

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from highway_client.errors import FileError

from scoring.errors import ScoringError
from scoring.jobs import Job
from scoring.part_files import count_rows
from scoring.part_scoring import load_classifier, score_parts
from scoring.sources import Part
from scoring.work_folder import MANIFEST
from service.classifier import Classifier
from service.contract import ContractError

ERRORS = (ContractError, FileError, ScoringError, OSError)  # of the user, of one sentence each


@dataclass(frozen=True, kw_only=True)
class RayPlan:
    """Parts of a job for the workers of a cluster; relative paths begin in `folder`.

    Without `workers`, there is one for each processor of the cluster.
    """

    job: Job
    parts: tuple[Part, ...]
    folder: Path
    address: str
    workers: int | None

    @classmethod
    def of(cls, job: Job, parts: Sequence[Part], address: str, workers: int | None) -> "RayPlan":
        """Return the plan of a job of this process."""
        # Only the parts to score are sent to the workers.
        job, folder = replace(job, parts=()), Path.cwd()
        return cls(job=job, parts=tuple(parts), folder=folder, address=address, workers=workers)


@dataclass(frozen=True, kw_only=True)
class Scored:
    """What became of a part: its number of rows and the notes on it, or the error."""

    rows: int = 0
    notes: tuple[str, ...] = ()
    error: Exception | None = None


class PartScorer:
    """Scores parts in one process of a cluster, with one classifier."""

    def __init__(self, job: Job, folder: Path) -> None:
        self._job = job
        self._folder = folder
        self._classifier: Classifier | None = None

    def score(self, part: Part) -> Scored:
        """Write the scores of a part to the job's folder; an error of the user is returned.

        A part is left as it is if a worker that has died since had finished it.
        """
        try:
            classifier = self._prepared()
            path = self._job.file_of(part)
            if path.exists():
                return Scored(rows=count_rows(path))
            rows: list[int] = []
            notes: list[str] = []
            score_parts(self._job, classifier, [part], rows.append, notes.extend, threads=1)
            return Scored(rows=sum(rows), notes=tuple(notes))
        except ERRORS as error:
            return Scored(error=error)

    def _prepared(self) -> Classifier:
        if self._classifier is None:
            self._check_files()
            self._classifier = load_classifier(self._job)
        return self._classifier

    def _check_files(self) -> None:
        """Enter the folder of the command, and check that its files are visible here."""
        try:
            os.chdir(self._folder)  # so that messages name files as the command does
            for path in (self._job.data, self._job.model, self._job.folder / MANIFEST):
                path.stat()
        except OSError as error:
            raise ScoringError(
                f"{error.filename}: expected a path that all workers of Ray see, found a worker on "
                f"{platform.node()} that does not; put DATA, --model and --out on a shared file "
                "system"
            ) from error
