"""A port of gRPC without the extra `grpc` stops the server with a sentence."""

import subprocess
import sys

import pytest

from service.grpc.extra import check_installed
from service.settings import SettingsError
from tests.conftest import ROOT

WITHOUT = """
import sys
sys.modules["grpc"] = None
from service.console import main
main()
"""


def test_it_is_installed_here() -> None:
    check_installed()


@pytest.mark.parametrize("package", ["grpc", "google.protobuf"])
def test_a_missing_package_is_an_error(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SettingsError) as error:
        check_installed()
    assert str(error.value) == (
        "HIGHWAY_GRPC_PORT: gRPC is not installed; install the extra 'grpc' or unset the variable"
    )


def test_the_server_does_not_start_without_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, "serve", "--port", "0"],
        cwd=ROOT,
        env={"HIGHWAY_GRPC_PORT": "0", "HIGHWAY_LEDGER_URL": "off"},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 1
    assert done.stderr == (
        "error: HIGHWAY_GRPC_PORT: gRPC is not installed; install the extra 'grpc' or unset the "
        "variable\n"
    )


def test_a_server_without_the_port_does_not_import_it() -> None:
    script = (
        "import sys; sys.modules['grpc'] = None\n"
        "import service.app, service.server.start, service.server.worker, service.commands"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)
