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


def test_the_added_line_is_read_in_milliseconds_and_a_second() -> None:
    assert parse(PRINTED) == Load(requests_per_second=2500.0, p50_ms=0.712, p99_ms=1.33, errors=9)


def test_wrk_without_figures_is_told_with_what_it_said() -> None:
    with pytest.raises(BenchmarkError) as failure:
        parse("unable to connect\n")
    assert str(failure.value) == "wrk: expected its figures, found 'unable to connect'"


def test_a_missing_wrk_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BenchmarkError) as failure:
        require_wrk()
    assert str(failure.value) == (
        "wrk: expected the load generator on the PATH, found none; install it, "
        "on Debian and Ubuntu by `apt install wrk`"
    )


def test_the_script_names_the_content_and_every_header() -> None:
    body = Body(path="/p", headers={"Content-Type": "a/b", "X": "1"}, content=b"")
    script = script_for(body, Path("/tmp/body"))
    assert 'io.open("/tmp/body", "rb")' in script
    assert 'wrk.headers["Content-Type"] = "a/b"\nwrk.headers["X"] = "1"\n' in script
