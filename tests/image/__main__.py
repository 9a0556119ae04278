"""Build the image with podman, run it confined, check what it promises, and load it.

    python -m tests.image [--requests N [--memory 128m] [--no-ledger] [--write]]
                           [--no-build] [--load-only]

Needs root and Debian's packages podman, runc, debootstrap and golang-github-containers-common; no
registry. The base image is Debian's own Python, which debootstrap installs; the variable
HIGHWAY_TEST_DEBIAN_URL names another archive. Every check is also run on an image with a fault that
it has to find. Exit code 1: a finding. `--requests` also sends so many from 16 clients with wrk,
and `--write` renews the table in docs/measurements/image.md.
"""

import argparse
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.serving.machine import description
from benchmarks.serving.page import filled, table
from tests.image import engine
from tests.image.checks import CHECKS, Subject, layers
from tests.image.engine import ROOT, EngineError
from tests.image.faults import FAULTS
from tests.image.load import Result, image_bytes, measure

PAGE = ROOT / "docs" / "measurements" / "image.md"
AGAIN = "highway-networks-again"


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def build() -> list[str]:
    """Build the image twice, the second time without a cache; return how the layers differ."""
    engine.configure()
    engine.make_base()
    engine.download(Path(sys.executable).with_name("pip"))
    epoch = str(int(time.time()))
    engine.build("--no-cache", SOURCE_DATE_EPOCH=epoch)
    engine.build("--no-cache", image=AGAIN, SOURCE_DATE_EPOCH=epoch)
    first, second = layers(), layers(AGAIN)
    say(f"layers: {' '.join(one.removeprefix('sha256:')[:12] for one in first)}")
    if first == second:
        return []
    return [f"layers of two builds: expected equal ones, found {first} and {second}"]


def check() -> list[str]:
    """Run every check on the image; return the findings."""
    findings = []
    for one in CHECKS:
        found = one(Subject())
        say(f"{one.__name__}: {'; '.join(found) or 'holds'}")
        findings += found
    return findings


def check_faults() -> list[str]:
    """Run the checks on images with faults; return those that were not found."""
    missed = []
    for fault in FAULTS:
        found = fault.check(fault.subject("highway-networks-fault"))
        planted = "; ".join(fault.lines or fault.options or ())
        if any(fault.finding in one for one in found):
            say(f"planted, and found by {fault.check.__name__}: {planted}")
        else:
            missed.append(f"{fault.check.__name__}: expected a finding about {planted}")
            say(missed[-1])
    return missed


def page_parts(result: Result) -> dict[str, str]:
    """Return the parts of the page by the name of their marker."""
    machine = {
        "date": datetime.now(UTC).date().isoformat(),
        **{key: value for key, value in description().items() if key != "python"},
    }
    figures = {**asdict(result), "image_bytes": image_bytes()}
    return {
        "machine": table([{"what": key, "found": value} for key, value in machine.items()]),
        "load": table([{"what": key, "found": value} for key, value in figures.items()]),
    }


def main() -> None:
    """Build, check, and load on request."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.image",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--requests", type=int, default=0, help="send so many from 16 clients")
    parser.add_argument("--memory", default="128m", help="limit of memory during the load")
    parser.add_argument("--no-ledger", action="store_true", help="load without the ledger")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    parser.add_argument("--no-build", action="store_true", help="check the image of the last run")
    parser.add_argument("--load-only", action="store_true", help="load the image of the last run")
    options = parser.parse_args()
    findings = []
    began = time.monotonic()
    try:
        if not options.load_only:
            built = [] if options.no_build else build()
            findings = [*built, *check(), *check_faults()]
        if options.requests:
            result = measure(
                options.memory,
                options.requests,
                lambda sent: say(f"answered {sent:,}"),
                ledger=not options.no_ledger,
            )
            say(str(result))
            if result.killed or result.server_errors:
                findings.append("load: expected no status from 500 and no kill for memory")
            if options.write:
                PAGE.write_text(filled(PAGE.read_text(), page_parts(result)))
    except EngineError as error:
        raise SystemExit(f"error: {error}") from error
    say(f"{len(findings)} findings in {time.monotonic() - began:.0f} s")
    raise SystemExit(bool(findings))


if __name__ == "__main__":
    main()
