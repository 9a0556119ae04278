"""Description of the machine, without its name."""

import os
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path

from benchmarks.serving.results import Machine

PACKAGES = ("onnxruntime", "numpy", "fastapi", "pydantic", "uvicorn", "uvloop", "httptools")


def description() -> Machine:
    """Return the processor, usable cores, load of the last minute, and versions."""
    wrk = subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False).stdout
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "load_before": round(os.getloadavg()[0], 2),
        "system": platform.system(),
        "python": platform.python_version(),
        **{package: version(package) for package in PACKAGES},
        "wrk": (re.findall(r"^wrk \D*([\d.]+)", wrk) or ["unknown"])[0],
    }


def _processor() -> str:
    names = re.findall(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return str(names[0]) if names else platform.machine()
