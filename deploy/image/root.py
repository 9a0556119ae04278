"""Copy Python, and what it loads from the system, to an empty folder: `python3 root.py FOLDER`.

Runs while the image is built. The folder becomes the root of the image: it has no shell, no
installer, and no program that changes the user. `/opt/service` needs the same libraries.
"""

import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

PACKAGES = Path("/opt/service")
# Of the standard library: what installs packages or shows windows.
DEVELOPMENT = ("ensurepip", "idlelib", "lib2to3", "tkinter", "turtledemo", "test", "site-packages")
# Certificates of authorities are for TLS to a database or a collector; a base may lack them.
SYSTEM_FILES = (
    "etc/os-release",
    "usr/lib/os-release",
    "etc/ssl",
    "usr/lib/ssl",
    "etc/ld.so.conf.d",
)
CONTENTS = {
    "etc/passwd": "root:x:0:0::/:/sbin/nologin\nhighway:x:65532:65532::/data:/sbin/nologin\n",
    "etc/group": "root:x:0:\nhighway:x:65532:\n",
    "etc/nsswitch.conf": "hosts: files dns\n",
    "etc/ld.so.conf": "include /etc/ld.so.conf.d/*.conf\n",
}
_LIBRARY = re.compile(r"^\s(?:\S+ => )?(/\S+) \(0x", re.MULTILINE)


def copy(source: Path, root: Path) -> None:
    """Copy a file, a symbolic link or a folder to the same path below `root`."""
    target = root / source.parent.resolve().relative_to("/") / source.name
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir() and not source.is_symlink():
        ignored = shutil.ignore_patterns("__pycache__", "config-*")
        shutil.copytree(source, target, symlinks=True, ignore=ignored)
    else:
        shutil.copy2(source, target, follow_symlinks=False)


def loaded_libraries(*folders: Path) -> set[Path]:
    """List the libraries of the system that the libraries in the folders, and Python, load."""
    found = [path for folder in folders for path in folder.rglob("*.so*") if path.is_file()]
    command: list[str | Path] = ["ldd", Path(sys.executable).resolve(), *found]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "not found" in printed:
        raise SystemExit(f"error: expected every library, found one missing:\n{printed}")
    return {Path(one) for one in _LIBRARY.findall(printed) if PACKAGES not in Path(one).parents}


def main() -> None:
    """Fill the folder that is named on the command line."""
    root = Path(sys.argv[1])
    library = Path(sysconfig.get_path("stdlib"))
    for link in ("lib", "lib64", "bin"):  # Debian's own, to /usr
        if Path("/", link).is_symlink():
            (root / link).symlink_to(f"usr/{link}")
    copy(library, root)
    for name in DEVELOPMENT:
        shutil.rmtree(root / library.relative_to("/") / name, ignore_errors=True)
    # The environment has links to `python3`, which may itself be a link.
    for program in {Path(sys._base_executable), Path(sys.executable).resolve()}:  # type: ignore[attr-defined]
        copy(program, root)
    for path in loaded_libraries(library, PACKAGES):
        copy(path, root)
        copy(path.resolve(), root)
    for path in (Path("/", name) for name in SYSTEM_FILES):
        if path.exists():
            copy(path, root)
    for name, content in CONTENTS.items():
        (root / name).write_text(content)
    subprocess.run(["ldconfig", "-r", root, "-X"], check=True)
    shutil.rmtree(root / "var", ignore_errors=True)  # the cache of ldconfig has the current time


if __name__ == "__main__":
    main()
