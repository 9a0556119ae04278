import subprocess
import sys

from tests.conftest import ROOT

WITHOUT = "import sys; sys.modules['httpx2'] = None; "


def test_without_its_extra_it_is_told_what_to_install() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT + "import service.client"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr.splitlines()[-1] == (
        "ImportError: service.client: expected the extra 'client', found no httpx2; install it "
        "with `pip install '.[client]'`"
    )


def test_the_server_needs_nothing_of_it() -> None:
    script = WITHOUT + (
        "sys.modules['PIL'] = None; import service.app, service.server, service.__main__; "
        "assert not any(name.startswith('service.client') for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)
