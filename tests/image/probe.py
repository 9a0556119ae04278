"""What the image's user finds in the image, as JSON; runs inside, with the image's Python.

python -c "$(cat probe.py)"
"""

import importlib.util
import json
import os
import stat
import sys
from importlib.metadata import distributions
from pathlib import Path

ABSENT_MODULES = ("torch", "onnx", "lightning", "sklearn", "pip", "setuptools", "ensurepip")
ABSENT_PROGRAMS = ("sh", "bash", "dash", "apt", "dpkg", "perl", "su", "mount", "gcc", "pip", "curl")
NOT_FILES = ("/proc", "/sys", "/dev")


def status(name: str) -> str:
    """Return a line of the kernel about this process."""
    with open("/proc/self/status") as file:
        return next(line.split()[1] for line in file if line.startswith(f"{name}:"))


def creatable(path: str) -> bool:
    """Check whether a file can be created there; remove it."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
        os.unlink(path)
    except OSError:
        return False
    return True


writable, privileged, uncompiled = [], [], []
for folder, names, files in os.walk("/"):
    if folder in NOT_FILES:
        names.clear()
        continue
    for path in (folder, *(os.path.join(folder, file) for file in files)):
        if os.path.islink(path):
            continue
        if os.access(path, os.W_OK):
            writable.append(path)
        if os.stat(path).st_mode & (stat.S_ISUID | stat.S_ISGID):
            privileged.append(path)
    if folder.startswith("/app/service"):
        compiled = "__pycache__" in names
        uncompiled += [folder for file in files if file.endswith(".py") and not compiled][:1]

programs = ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/opt/service/bin")
json.dump(
    {
        "user": [os.getuid(), os.getgid()],
        "capabilities": [status("CapEff"), status("CapBnd")],
        "no_new_privileges": status("NoNewPrivs"),
        "creatable": [path for path in ("/new", "/app/new", "/tmp/new") if creatable(path)],
        "writable": writable,
        "privileged": privileged,
        "uncompiled": uncompiled,
        "modules": [name for name in ABSENT_MODULES if importlib.util.find_spec(name)],
        "programs": [
            name for name in ABSENT_PROGRAMS for at in programs if os.path.exists(f"{at}/{name}")
        ],
        "packages": sorted(f"{one.metadata['Name']} {one.version}" for one in distributions()),
        "bill": Path("/app/sbom.json").read_text() if os.path.exists("/app/sbom.json") else "{}",
    },
    sys.stdout,
)
