"""This project's server, but each worker has a listening socket of its own on the port.

    python -m benchmarks.workers.own_sockets serve FILE --port PORT --workers 2

The kernel chooses a socket for each connection by a hash of its addresses (SO_REUSEPORT), and the
workers do not compete for it. Only the benchmark starts servers this way. Linux only.
"""

import socket
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from service.console import main
from service.server import start, worker_process
from service.server.listener import reserve
from service.server.worker import WorkerStart, run_worker


def run_with_own_socket(worker_start: WorkerStart, inherited: Sequence[socket.socket] = ()) -> None:
    """Run a worker that listens on another socket of the same port."""
    host, port = worker_start.listener.getsockname()[:2]
    listener = socket.create_server((host, port), backlog=1024, reuse_port=True)
    run_worker(replace(worker_start, listener=listener), inherited)


if __name__ == "__main__":
    # Attributes of the modules that use them; the supervisor starts a worker by fork.
    vars(start)["listen"] = partial(reserve, variable="--port")
    vars(worker_process)["run_worker"] = run_with_own_socket
    main()
