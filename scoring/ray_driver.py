"""The driver of Ray: a process of its own, since Ray prints, handles signals and can exit."""

import logging
import os
import pickle  # of parts and results, between processes of one user
import signal
import socket
from collections.abc import Iterator, Mapping
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from scoring.errors import ScoringError
from scoring.ray_parts import PartScorer, RayPlan, Scored

LOCAL = "local"  # the address of a cluster of this machine that ends with the command
SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",  # else Ray sends statistics to its makers
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    "RAY_gcs_rpc_server_reconnect_timeout_s": "20",  # until a cluster that is silent has gone
}
CONNECT_SECONDS = 10.0
PART, RESULT = "part", "result"


def drive(connection: Connection, plan: RayPlan, environment: Mapping[str, str]) -> None:
    """Send a `Scored` for each part in order, and None after the last; the target of a process."""
    os.environ.update({**SETTINGS, **environment})  # before Ray, which reads it when imported
    _detach()
    Thread(target=_end_with_the_command, daemon=True).start()
    try:
        for scored in _score(plan):
            connection.send(scored)
            if scored.error is not None:
                return
        connection.send(None)
    except Exception as error:
        connection.send(Scored(error=_sentence(error, plan.address)))


def _detach() -> None:
    """Leave signals and the terminal to the command."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)


def _end_with_the_command() -> None:
    """End this process, and with it the work of the cluster, if the command is killed."""
    command = parent_process()
    assert command is not None
    command.join()
    os._exit(1)


def _score(plan: RayPlan) -> Iterator[Scored]:
    _check_listening(plan.address)
    import ray
    import ray.data

    address = "auto" if plan.address == LOCAL else plan.address  # `auto` reads RAY_ADDRESS
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except Exception as error:
        raise _refusal(error, plan.address) from error
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = True  # the first error is that of a local run
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    workers = plan.workers or max(1, int(resources.get("CPU", 1)))
    parts = [{PART: pickle.dumps(part)} for part in plan.parts]
    scored = ray.data.from_items(parts, override_num_blocks=len(parts)).map_batches(
        BatchScorer,
        fn_constructor_args=(plan,),
        batch_size=1,
        num_cpus=1,
        compute=ray.data.ActorPoolStrategy(size=min(workers, len(parts))),
    )
    for row in scored.iter_rows():
        yield pickle.loads(row[RESULT])  # nosec B301
    ray.shutdown()


class BatchScorer:
    """A worker of Ray Data: batches of one part in, batches of one result out."""

    def __init__(self, plan: RayPlan) -> None:
        self._scorer = PartScorer(plan.job, plan.folder)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[bytes]]:
        """Score the parts of a batch."""
        parts = [pickle.loads(part) for part in batch[PART]]  # nosec B301
        return {RESULT: [pickle.dumps(self._scorer.score(part)) for part in parts]}


def _check_listening(address: str) -> None:
    """Raise the error at once if nothing listens at HOST:PORT; Ray itself tries for a minute."""
    if ":" not in address or "//" in address:
        return
    try:
        parts = urlsplit(f"//{address}")
        socket.create_connection((parts.hostname, parts.port), CONNECT_SECONDS).close()
    except (OSError, ValueError) as error:  # ValueError: the port is no number
        raise _refusal(error, address) from error


def _refusal(error: Exception, address: str) -> ScoringError:
    """Return the error of a cluster that does not answer."""
    return ScoringError(
        f"--ray {address}: expected the address of a running cluster, found none that answers "
        f"({_last_line(error)}); start one with `ray start --head`, or use --ray {LOCAL}"
    )


def _sentence(error: Exception, address: str) -> ScoringError:
    """Return an error of Ray as one sentence."""
    if isinstance(error, ScoringError):
        return error
    return ScoringError(f"--ray {address}: the cluster failed: {_last_line(error)}")


def _last_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[-1].strip().rstrip(".") if lines else type(error).__name__
