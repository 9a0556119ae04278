"""The closed loop: wrk sends the next request of a connection when the last was answered."""

import json
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving.bodies import Body
from benchmarks.serving.errors import BenchmarkError

# wrk rounds what it prints for people; `done` tells the same figures in full, in microseconds.
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
    """What came of loading a server; latencies from a request's sending to its whole answer."""

    requests_per_second: float
    p50_ms: float
    p99_ms: float
    errors: int  # answers of 400 and above, broken connections, no answer in two seconds


def require_wrk() -> None:
    """Raise `BenchmarkError` where wrk is not installed."""
    if shutil.which("wrk") is None:
        raise BenchmarkError(
            "wrk: expected the load generator on the PATH, found none; install it, "
            "on Debian and Ubuntu by `apt install wrk`"
        )


def load(port: int, body: Body, *, clients: int, seconds: int) -> Load:
    """Send `body` over that many connections for whole seconds."""
    with tempfile.TemporaryDirectory() as folder:
        content, script = Path(folder) / "body", Path(folder) / "load.lua"
        content.write_bytes(body.content)
        script.write_text(script_for(body, content))
        url = f"http://127.0.0.1:{port}{body.path}"
        options = ("-t1", f"-c{clients}", f"-d{seconds}s", "-s", script)
        done = subprocess.run(["wrk", *options, url], capture_output=True, text=True, check=False)
    return parse(done.stdout)


def script_for(body: Body, content: Path) -> str:
    """Return the Lua that makes wrk send `body`, whose content lies in a file."""
    # JSON's strings are Lua's too.
    headers = [
        f"wrk.headers[{json.dumps(key)}] = {json.dumps(value)}"
        for key, value in body.headers.items()
    ]
    return SCRIPT.replace("BODY", json.dumps(str(content))).replace("HEADERS", "\n".join(headers))


def parse(output: str) -> Load:
    """Read the line that `SCRIPT` adds to what wrk prints."""
    lines = [line for line in output.splitlines() if line.startswith("{")]
    if not lines:
        raise BenchmarkError(f"wrk: expected its figures, found {output.strip() or 'nothing'!r}")
    found = json.loads(lines[-1])
    return Load(
        requests_per_second=round(found["requests"] / found["duration"] * 1e6, 1),
        p50_ms=round(found["p50"] / 1e3, 3),
        p99_ms=round(found["p99"] / 1e3, 3),
        errors=found["refused"] + found["broken"],
    )
