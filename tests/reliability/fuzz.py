"""All fuzzers in turn: `python -m tests.reliability.fuzz [--seconds 600]`.

A third of the time each for the OpenAPI document, for damaged messages, and for the decoders. Every
fuzzer runs, whatever the others find; the exit code is 1 if any of them fails.
"""

import argparse
import subprocess
import sys

from tests.reliability.fuzz_bodies import TARGETS
from tests.reliability.processes import ROOT


def main() -> None:
    """Run each fuzzer in a process of its own, because libFuzzer ends its process."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=600)
    third = max(1, parser.parse_args().seconds // 3)
    targets = [name for name in TARGETS if name != "planted"]
    each = str(max(1, third // len(targets)))
    commands = [
        ("fuzz_openapi", "--seconds", str(third)),
        ("fuzz_messages", "--seconds", str(third)),
        *(("fuzz_bodies", name, "--seconds", each) for name in targets),
    ]
    failed = []
    for module, *words in commands:
        command = [sys.executable, "-m", f"tests.reliability.{module}", *words]
        if subprocess.run(command, cwd=ROOT, check=False).returncode:
            failed.append(" ".join([module, *words]))
    if failed:
        raise SystemExit(f"error: failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
