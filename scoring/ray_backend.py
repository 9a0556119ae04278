"""Parts of a job scored by the workers of a Ray cluster."""

import importlib.util
import multiprocessing
import os
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection

from scoring.errors import ScoringError
from scoring.jobs import Job
from scoring.part_scoring import Backend, OnNotes, OnRows
from scoring.ray_cluster import local_cluster
from scoring.ray_driver import LOCAL, drive
from scoring.ray_parts import RayPlan, Scored
from scoring.sources import Part

JOIN_SECONDS = 20.0  # for the driver to end the cluster, or to leave it


def on_ray(address: str, workers: int | None = None) -> Backend:
    """Return the backend of a cluster: `auto`, `local`, or the address of its head.

    `local` starts one on this machine, which ends with the run. By default there is a worker for
    each processor of the cluster. A `ScoringError` if Ray is not installed.
    """
    check_installed()

    def score(job: Job, parts: Sequence[Part], on_rows: OnRows, on_notes: OnNotes) -> None:
        plan = RayPlan.of(job, parts, address, workers)
        if address != LOCAL:
            _drive(plan, {}, on_rows, on_notes)
            return
        with local_cluster(workers or os.cpu_count() or 1) as environment:
            _drive(plan, environment, on_rows, on_notes)

    return score


def check_installed() -> None:
    """Raise `ScoringError` if Ray is not installed."""
    if importlib.util.find_spec("ray") is None:
        raise ScoringError(
            "--ray: expected Ray, found that it is not installed; install it with "
            "`pip install 'highway-networks[score,ray]'`"
        )


def _drive(
    plan: RayPlan, environment: Mapping[str, str], on_rows: OnRows, on_notes: OnNotes
) -> None:
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=drive, args=(sender, plan, environment), name="ray-driver")
    process.start()
    sender.close()
    try:
        with receiver:
            while (scored := _receive(receiver, plan.address)) is not None:
                if scored.error is not None:
                    raise scored.error
                on_notes(scored.notes)
                on_rows(scored.rows)
        process.join(JOIN_SECONDS)
    finally:
        process.kill()  # its workers on the cluster end with it
        process.join()
        process.close()


def _receive(receiver: Connection, address: str) -> Scored | None:
    try:
        scored: Scored | None = receiver.recv()
    except (EOFError, OSError):  # OSError: in the middle of a message
        raise ScoringError(
            f"--ray {address}: expected a cluster that answers until the end, found that it has "
            "gone; the same command continues, also without --ray"
        ) from None
    return scored
