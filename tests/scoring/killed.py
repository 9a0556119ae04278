"""`python -m tests.scoring.killed FOLDER score …`: the command, killed at every moment in turn.

A moment is before a call that names, writes to disk or removes a file. The command is killed before
its first such call, then started again with the same words; another command, into another file, is
killed before its second call, and so on until one ends by itself. `{out}` among the words is the
output. For each command a line of JSON is printed.

The processes are forks of this one, and kill themselves, as `kill -9` would at that moment.
"""

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any

from scoring.command import main
from tests.launcher import SCORING

CALLS = ((os, "fsync"), (Path, "replace"), (Path, "unlink"), (Path, "rmdir"))


@dataclass(frozen=True, kw_only=True)
class Killed:
    """A killed command, and the one that followed it.

    `call` and `file` are the call that it was killed before, None if it has ended by itself; `rest`
    are the names in its folder, None without one. `code` and `errors` are those of the second one.
    """

    out: str
    call: str | None
    file: str
    has_output: bool
    rest: list[str] | None
    code: int
    errors: str


def kill_before(number: int, note: Path) -> None:
    """Kill this process before the call `number`, counted from 1, and write down which it is."""
    counted = count(1)

    def wrap(owner: Any, name: str) -> None:
        function: Callable[..., Any] = getattr(owner, name)

        def call(*arguments: Any, **options: Any) -> Any:
            if next(counted) == number:
                file = arguments[0].name if isinstance(arguments[0], Path) else ""
                note.write_text(json.dumps([name, file]))
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **options)

        setattr(owner, name, call)

    for owner, name in CALLS:
        wrap(owner, name)


def run(words: Sequence[str], errors: Path, *, prepare: Callable[[], None]) -> int:
    """Run the command in a fork; return its exit code, negative if a signal has ended it."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    code = 70
    try:
        descriptor = os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        sys.argv[1:] = words
        prepare()
        main()
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def kill_at_each_moment(folder: Path, words: Sequence[str]) -> None:
    """Run, kill and repeat the command for each moment; print what has become of each."""
    for number in count(1):
        out, note, errors = folder / f"{number}.parquet", folder / "note", folder / "errors"
        note.write_text(json.dumps([None, ""]))
        command = [word.format(out=out) for word in words]
        code = run(command, errors, prepare=lambda: kill_before(number, note))  # noqa: B023
        call, file = json.loads(note.read_text())
        assert code == (0 if call is None else -signal.SIGKILL), errors.read_text()
        parts = out.with_name(f"{out.name}.parts")
        has_output = out.exists()
        rest = sorted(path.name for path in parts.iterdir()) if parts.exists() else None
        code = run(command, errors, prepare=lambda: None)
        killed = Killed(
            out=str(out),
            call=call,
            file=file,
            has_output=has_output,
            rest=rest,
            code=code,
            errors=errors.read_text(),
        )
        sys.stdout.write(f"{json.dumps(asdict(killed))}\n")
        sys.stdout.flush()
        if call is None:
            return


if __name__ == "__main__":
    for module in SCORING:  # once, instead of in each fork
        import_module(module)
    kill_at_each_moment(Path(sys.argv[1]), sys.argv[2:])
