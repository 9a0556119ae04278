"""A process on a Ray cluster whose lines of input are files to run, as `serve run` does.

It prints a line when the applications of a file answer or have failed.
"""

import sys
import time

import ray
from ray import serve
from ray.serve.scripts import run

WAIT_SECONDS = 180
ENDED = {"RUNNING", "DEPLOY_FAILED", "UNHEALTHY"}


def states() -> list[str]:
    status = serve.status()
    deployments = [d for app in status.applications.values() for d in app.deployments.values()]
    busy = [str(d.status.value) for d in deployments if d.status.value == "UPDATING"]
    return busy or [str(app.status.value) for app in status.applications.values()]


def main() -> None:
    ray.init("auto", log_to_driver=False)
    try:
        for line in sys.stdin:
            run.main([line.strip(), "--non-blocking"], standalone_mode=False)
            end = time.monotonic() + WAIT_SECONDS
            while not set(states()) <= ENDED and time.monotonic() < end:
                time.sleep(0.1)
            sys.stdout.write(f"state: {', '.join(states())}\n")
            sys.stdout.flush()
    finally:
        serve.shutdown()  # type: ignore[no-untyped-call]
        ray.shutdown()


if __name__ == "__main__":
    main()
