"""A hostile client in a process of its own, so that it does not slow the clients that measure.

    python -m tests.reliability.hostile PORT FILE CONNECTIONS

Sends the bytes of the file again and again on as many connections as it is given, from another
address than the measuring clients. When its input ends, it prints the number of answers by status.
"""

import json
import os
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from threading import Thread

from tests.reliability.connection import Connection, LostError

ADDRESS = "127.0.0.2"
PAUSE_SECONDS = 0.005  # after each answer; refusals cost the sender more than the server


def repeat(port: int, message: bytes, statuses: Counter[int]) -> None:
    """Send the message without end; count the answers, 0 for none."""
    while True:
        with suppress(LostError), Connection(port, source=ADDRESS) as connection:
            while True:
                statuses[_answer(connection, message)] += 1
                time.sleep(PAUSE_SECONDS)


def _answer(connection: Connection, message: bytes) -> int:
    """Return the status, also of a response that comes before the server has read everything."""
    with suppress(LostError):
        connection.send(message)
    return connection.receive().status


def main() -> None:
    """Send until the input ends."""
    port, path, connections = int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    message, statuses = path.read_bytes(), Counter[int]()
    for _ in range(connections):
        Thread(target=repeat, args=(port, message, statuses), daemon=True).start()
    sys.stdin.read()
    sys.stdout.write(json.dumps(statuses))
    sys.stdout.flush()
    os._exit(0)  # threads may wait for answers


if __name__ == "__main__":
    main()
