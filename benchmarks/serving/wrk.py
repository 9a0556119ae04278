"""Closed loop: wrk sends the next request of a connection after the last response."""

import json
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving.bodies import Body
from benchmarks.serving.errors import BenchmarkError

# wrk rounds its printed figures; `done` prints the exact ones, in microseconds.
SCRIPT = """
local file = io.open(BODY, "rb")
wrk.method = "POST"
wrk.body = file:read("*a")
file:close()
HEADERS
done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\\n{"requests": %d, "duration": %d, "p50": %f, "p99": %f, "refused": %d, "broken": %d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
"""


@dataclass(frozen=True, kw_only=True)
class Load:
    """Result of a load; latencies from sending a request to its complete response."""

    requests_per_second: float
    p50_ms: float
    p99_ms: float
    errors: int  # statuses from 400, broken connections, no response in two seconds


def require_wrk() -> None:
    """Raise `BenchmarkError` if wrk is not installed."""
    if shutil.which("wrk") is None:
        raise BenchmarkError(
            "wrk is not installed; on Debian and Ubuntu install it with `apt install wrk`"
        )


def load(port: int, body: Body, *, clients: int, seconds: int) -> Load:
    """Send `body` repeatedly over `clients` connections for `seconds`."""
    with tempfile.TemporaryDirectory() as folder:
        content, script = Path(folder) / "body", Path(folder) / "load.lua"
        content.write_bytes(body.content)
        script.write_text(script_for(body, content))
        url = f"http://127.0.0.1:{port}{body.path}"
        options = ("-t1", f"-c{clients}", f"-d{seconds}s", "-s", script)
        done = subprocess.run(["wrk", *options, url], capture_output=True, text=True, check=False)
    return parse(done.stdout)


def script_for(body: Body, content: Path) -> str:
    """Return the Lua script that makes wrk send `body`, whose content is in a file."""
    # JSON strings are valid in Lua.
    headers = [
        f"wrk.headers[{json.dumps(key)}] = {json.dumps(value)}"
        for key, value in body.headers.items()
    ]
    return SCRIPT.replace("BODY", json.dumps(str(content))).replace("HEADERS", "\n".join(headers))


def parse(output: str) -> Load:
    """Read the line that `SCRIPT` adds to the output of wrk."""
    lines = [line for line in output.splitlines() if line.startswith("{")]
    if not lines:
        raise BenchmarkError(f"wrk printed no figures, but {output.strip() or 'nothing'!r}")
    figures = json.loads(lines[-1])
    if not figures["requests"]:
        raise BenchmarkError("wrk got no response")
    return Load(
        requests_per_second=round(figures["requests"] / figures["duration"] * 1e6, 1),
        p50_ms=round(figures["p50"] / 1e3, 3),
        p99_ms=round(figures["p99"] / 1e3, 3),
        errors=figures["refused"] + figures["broken"],
    )
