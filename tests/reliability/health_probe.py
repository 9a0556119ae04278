"""A probe of a server's health, in a process that no attack slows down.

    python -m tests.reliability.health_probe PORT

Requests health on a new connection every 20 ms until its input ends; prints the seconds of each.
"""

import json
import sys
from threading import Event, Thread

from tests.reliability.connection import seconds_of_health

INTERVAL_SECONDS = 0.02


def main() -> None:
    """Probe until the parent closes the input."""
    port, stop, seconds = int(sys.argv[1]), Event(), [0.0]

    def wait_for_the_end() -> None:
        sys.stdin.read()
        stop.set()

    Thread(target=wait_for_the_end, daemon=True).start()
    while not stop.wait(INTERVAL_SECONDS):
        seconds.append(seconds_of_health(port, timeout=10))
    sys.stdout.write(json.dumps(seconds))


if __name__ == "__main__":
    main()
