"""How this process was started, so that messages print commands that run in the same way."""

import shlex
import sys
from pathlib import Path
from shutil import which

# The package of each command that `python -m models` lacks.
PACKAGES = {
    **dict.fromkeys(("export", "verify", "show", "sign"), "export"),
    **dict.fromkeys(("serve", "check", "key"), "service"),
    "score": "scoring",
}
STARTED_AS_PACKAGE = ("models", "export", "scoring", "service")


def command(name: str, *arguments: str | Path) -> str:
    """Return the command `highway NAME ARGUMENTS`, quoted for a shell.

    A process started as `python -m models` returns `python -m models NAME ARGUMENTS`, or the module
    of that command. A program that the shell would not find, or would find in another environment,
    has its full path.
    """
    return shlex.join([*_program(name), name, *map(str, arguments)])


def _program(name: str) -> list[str]:
    started = Path(sys.argv[0])
    if started.name == "__main__.py" and started.parent.name in STARTED_AS_PACKAGE:
        return [_found("python", sys.executable), "-m", PACKAGES.get(name, "models")]
    installed = Path(sys.executable).with_name("highway")
    return [_found("highway", str(installed) if installed.is_file() else "highway")]


def _found(name: str, path: str) -> str:
    """Return `name` if the shell finds the program of this environment by it, else `path`.

    Directories are compared, not programs: the interpreters of all environments link to one file.
    """
    found = which(name)
    same = found is not None and Path(found).parent.resolve() == Path(path).parent.resolve()
    return name if same else path
