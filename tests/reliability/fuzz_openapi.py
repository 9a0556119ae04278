"""Requests that schemathesis derives from the server's OpenAPI document, valid and invalid ones.

    python -m tests.reliability.fuzz_openapi [--seconds 200]

Every response has to keep the document's promises: a described status, media type and body, 4xx for
what the document does not allow, 405 with `Allow` for other methods, and no internal error.
"""

import argparse
import sys
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS
from schemathesis.core.failures import Failure

from tests.reliability.connection import HOST
from tests.reliability.processes import SERVE, running
from tests.reliability.tiny import write_file

EXAMPLES = 50  # of each operation and mode in one pass
RESPONSE_SECONDS = 10
# Deadlines, unavailable databases and unsupported calls: described, and no fault of the server.
EXPECTED_SERVER_ERRORS = (501, 503, 504)
CHECK_NAMES = (
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "allow_header_conformance",
)


class InternalError(Failure):
    """A status of 5xx that no client should see."""

    title = "Internal error"


def no_internal_error(_context: Any, response: Any, case: Any) -> bool | None:
    """Check of schemathesis: no 500, no 502."""
    if response.status_code >= 500 and response.status_code not in EXPECTED_SERVER_ERRORS:
        raise InternalError(
            operation=case.operation.label,
            title=InternalError.title,
            message=f"status {response.status_code}",
        )
    return None


def fuzz_server(
    examples: int,
    first_seed: int = 0,
    *,
    paths: Collection[str] = (),
    program: tuple[str, ...] = SERVE,
) -> list[str]:
    """Start a server with a tiny model and all routes; return a sentence for each failure."""
    with TemporaryDirectory() as folder:
        ledger = {
            "HIGHWAY_LEDGER_URL": f"sqlite:///{folder}/ledger.db",
            "HIGHWAY_LEDGER_INPUTS": "all",
        }
        file = write_file(Path(folder))
        with running(file, program=program, settings=ledger) as server:
            failures = list(fuzz_operations(server.port, examples, first_seed, paths))
            if server.process.poll() is not None:
                failures.append("the server ended")
            return failures


def fuzz_operations(
    port: int, examples: int, first_seed: int, paths: Collection[str]
) -> Iterator[str]:
    """Send valid and invalid requests to the operations; yield a sentence for each failure.

    `paths` are those of the document to use; all if there are none.
    """
    schema: Any = schemathesis.openapi.from_url(f"http://{HOST}:{port}/openapi.json")
    checks = [no_internal_error, *(CHECKS.get_one(name) for name in CHECK_NAMES)]
    with requests.Session() as session:
        for result in schema.get_all_operations():
            operation: Any = result.ok()
            for mode in GenerationMode if not paths or operation.path in paths else ():
                for failure in _failures(operation, mode, checks, session, examples, first_seed):
                    yield f"{operation.label}, {mode.value} data: {failure}"


def _failures(
    operation: Any,
    mode: GenerationMode,
    checks: list[Any],
    session: requests.Session,
    examples: int,
    first_seed: int,
) -> list[str]:
    @seed(first_seed)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
        verbosity=Verbosity.quiet,
    )
    @given(case=operation.as_strategy(mode))
    def send(case: Any) -> None:
        case.call_and_validate(checks=checks, session=session, timeout=RESPONSE_SECONDS)

    try:
        send()
    except Unsatisfiable:  # an operation without parameters has no invalid requests
        return []
    except BaseExceptionGroup as group:
        return [f"{type(one).__name__}: {one}" for one in group.exceptions]
    except (Failure, requests.RequestException) as failure:
        return [f"{type(failure).__name__}: {failure}"]
    return []


def main() -> None:
    """Fuzz with one seed after another until the time is over; exit with 1 on failures."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.reliability.fuzz_openapi", description=__doc__
    )
    parser.add_argument("--seconds", type=float, default=200)
    options = parser.parse_args()
    end, passes = time.monotonic() + options.seconds, 0
    while not passes or time.monotonic() < end:
        failures = fuzz_server(EXAMPLES, passes)
        if failures:
            raise SystemExit("\n".join(f"error: {one}" for one in failures))
        passes += 1
    sys.stdout.write(f"OpenAPI: {passes} passes of up to {EXAMPLES} requests of each kind hold\n")


if __name__ == "__main__":
    main()
