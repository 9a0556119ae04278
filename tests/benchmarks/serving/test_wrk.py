from pathlib import Path

import pytest

from benchmarks.serving.bodies import Body
from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.wrk import Load, parse, require_wrk, script_for

PRINTED = """Running 2s test @ http://127.0.0.1:9000/predict
  1 threads and 16 connections
  Non-2xx or 3xx responses: 7

{"requests": 5000, "duration": 2000000, "p50": 712.0, "p99": 1330.0, "refused": 7, "broken": 2}
"""


def test_the_added_line_is_converted_to_milliseconds_and_rates() -> None:
    assert parse(PRINTED) == Load(requests_per_second=2500.0, p50_ms=0.712, p99_ms=1.33, errors=9)


def test_missing_figures_are_an_error_with_the_output() -> None:
    with pytest.raises(BenchmarkError) as failure:
        parse("unable to connect\n")
    assert str(failure.value) == "wrk printed no figures, but 'unable to connect'"


def test_no_response_at_all_is_an_error() -> None:
    with pytest.raises(BenchmarkError) as failure:
        parse(PRINTED.replace('"requests": 5000', '"requests": 0'))
    assert str(failure.value) == "wrk got no response"


def test_the_error_of_a_missing_wrk_names_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BenchmarkError) as failure:
        require_wrk()
    assert str(failure.value) == (
        "wrk is not installed; on Debian and Ubuntu install it with `apt install wrk`"
    )


def test_the_script_has_the_content_and_every_header() -> None:
    body = Body(path="/p", headers={"Content-Type": "a/b", "X": "1"}, content=b"")
    script = script_for(body, Path("requests/body"))
    assert 'io.open("requests/body", "rb")' in script
    assert 'wrk.headers["Content-Type"] = "a/b"\nwrk.headers["X"] = "1"\n' in script
