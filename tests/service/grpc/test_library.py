"""The level of the log lines of grpcio's C++ part."""

import os
import subprocess
import sys

from tests.conftest import ROOT


def verbosity(**variables: str) -> str:
    script = "import os, service.grpc.library; print(os.environ['GRPC_VERBOSITY'])"
    environment = {name: value for name, value in os.environ.items() if name != "GRPC_VERBOSITY"}
    return subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**environment, **variables},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def test_the_level_is_none_unless_the_environment_has_another() -> None:
    assert verbosity() == "NONE"
    assert verbosity(GRPC_VERBOSITY="ERROR") == "ERROR"
