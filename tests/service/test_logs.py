import json
import subprocess
import sys

from tests.conftest import ROOT

SCRIPT = """
import logging
from service.logs import configure_logs
from service.settings import Settings
configure_logs(Settings(log_format={form!r}, log_level={level!r}))
logging.getLogger("service.access").info("two rows", extra={{"rows": 2}})
"""


def logged(form: str, level: str = "info") -> str:
    """Log one line in a process of its own: pytest installs handlers too."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(form=form, level=level)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == ""
    return done.stderr


def test_a_line_of_text_has_time_level_and_name() -> None:
    assert logged("text").endswith(" INFO service.access: two rows\n")


def test_a_line_of_json_has_a_member_for_each_field() -> None:
    line = json.loads(logged("json"))
    assert {name: line[name] for name in ("levelname", "name", "message", "rows")} == {
        "levelname": "INFO",
        "name": "service.access",
        "message": "two rows",
        "rows": 2,
    }


def test_a_line_below_the_level_is_not_logged() -> None:
    assert logged("json", "warning") == ""
