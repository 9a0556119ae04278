"""Commands on terminals that show little, with streams that fail, and under signals."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table

from service.terminal import bar, encodable, escaped, fit, shown
from tests.conftest import ROOT

SENTENCE = "stopped: the command has not finished; run it again\n"


def script(body: str) -> list[str]:
    """A process that runs `command`, which `body` defines, as a command does."""
    start = "import sys, time, os, signal\nfrom service import terminal\nterminal.exit_on_signals()"
    return [sys.executable, "-c", f"{start}\n{body}\nterminal.run(command, errors=(KeyError,))"]


def run(body: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        script(body),
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        timeout=20,
        check=False,
    )


def shell(line: str, body: str) -> subprocess.CompletedProcess[str]:
    """Run a line of bash in which `"$@"` is the command."""
    return subprocess.run(
        ["bash", "-c", line, "bash", *script(body)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def stopped(body: str, *numbers: signal.Signals, pause: float = 0) -> tuple[int, str]:
    """Send signals to a command once it prints a line; return its exit code and errors."""
    with subprocess.Popen(
        script(body), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        for number in numbers:
            process.send_signal(number)
            time.sleep(pause)
        return process.wait(timeout=20), process.stderr.read()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("benzo[a]pyrene", "benzo[a]pyrene"),
        ("[/b] :smile: $5$", "[/b] :smile: $5$"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("\u202eabc", "\\u202eabc"),
        ("caf\udce9", "caf\\udce9"),
        ("日本", "日本"),
    ],
)
def test_characters_that_control_a_terminal_are_escaped(text: str, expected: str) -> None:
    assert escaped(text) == expected


def test_line_ends_of_a_message_can_be_kept() -> None:
    assert escaped("a\nb\x1b", keep="\n") == "a\nb\\x1b"


@given(st.text())
def test_an_escaped_text_is_printable(text: str) -> None:
    assert escaped(text).isprintable()
    assert escaped(escaped(text)) == escaped(text)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a", "a"),
        ("", "''"),
        (" ", "' '"),
        (" a", "' a'"),
        ("x" * 40, "x" * 40),
        ("x" * 41, "x" * 37 + "..."),
    ],
)
def test_a_name_in_a_table_is_visible_and_takes_at_most_half_of_it(
    name: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert shown(name) == expected


def test_a_bar_is_shorter_in_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for columns, expected in (("80", "█" * 15 + "·" * 15), ("40", "█" * 4 + "·" * 4)):
        monkeypatch.setenv("COLUMNS", columns)
        assert bar(0.5) == expected


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp437", "utf-8"])
def test_a_terminal_shows_what_its_encoding_lacks_as_escapes(encoding: str) -> None:
    body = "def command(): print('é日', terminal.bar(0.5)[:1], terminal.escaped('é日'))"
    done = run(body, PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, b"")
    letter, block = ("é", "█") if encoding != "ascii" else ("\\xe9", "#")
    block = "#" if encoding == "cp1252" else block
    rest = "日" if encoding == "utf-8" else "\\u65e5"
    assert done.stdout.decode(encoding) == f"{letter}{rest} {block} {letter}{rest}\n"


def test_the_encoding_of_standard_output_decides_what_can_be_shown() -> None:
    assert encodable("█·")
    body = "def command(): print(terminal.encodable('█'))"
    assert run(body, PYTHONIOENCODING="ascii").stdout == b"False\n"


def test_a_table_in_a_narrow_terminal_has_no_lines_and_loses_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    table = Table("a label", "rows")
    table.add_row("x" * 60, "5")
    console = Console(width=40)
    with console.capture() as capture:
        console.print(fit(table))
    lines = capture.get().splitlines()
    assert "".join(lines).count("x") == 60
    assert max(map(len, lines)) == 40
    assert not set("".join(lines)) & set("│┃─━…")


def test_a_users_error_is_one_sentence_without_control_characters() -> None:
    done = run("def command(): raise SystemExit('error: no file \\x1b[2J.csv')")
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr == b"error: no file \\x1b[2J.csv\n"


def test_errors_of_the_given_types_are_sentences_and_others_are_tracebacks() -> None:
    assert run("def command(): raise KeyError(7)").stderr == b"error: 7\n"
    assert b"Traceback" in run("def command(): raise IndexError(7)").stderr


def test_a_file_that_cannot_be_opened_is_a_sentence() -> None:
    done = run("def command(): open('/nowhere/x')")
    expected = b"error: /nowhere/x: cannot be read or written: No such file or directory\n"
    assert (done.returncode, done.stderr) == (1, expected)


def test_a_reader_that_goes_away_ends_the_command_quietly() -> None:
    body = "def command():\n  for _ in range(100000): print('line')"
    done = shell('"$@" | head -1; echo ${PIPESTATUS[0]}', body)
    assert (done.stdout, done.stderr) == ("line\n1\n", "")


@pytest.mark.parametrize(
    ("unbuffered", "where"),
    [
        ("", "standard output: cannot be written"),
        ("1", "standard output or a file: cannot be read or written"),
    ],
)
def test_a_full_disk_is_a_sentence(unbuffered: str, where: str) -> None:
    line = f'PYTHONUNBUFFERED={unbuffered} "$@" > /dev/full'
    done = shell(line, "def command(): print('line')")
    assert (done.returncode, done.stderr) == (1, f"error: {where}: No space left on device\n")


def test_closed_streams_are_no_error_and_their_descriptors_are_not_reused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    body = f"def command():\n  with open({str(path)!r}, 'w') as f: f.write('a'); os.write(1, b'b')"
    assert shell('"$@" >&- 2>&-', body).returncode == 0
    assert path.read_text() == "a"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_command_with_one_sentence(number: signal.Signals) -> None:
    body = "def command(): print(flush=True); time.sleep(20)"
    assert stopped(body, number) == (130, SENTENCE)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_before_the_command_runs_ends_it_too(number: signal.Signals) -> None:
    assert stopped("print(flush=True); time.sleep(20)", number) == (130, SENTENCE)


def test_a_signal_lets_the_command_clean_up(tmp_path: Path) -> None:
    path = tmp_path / "half"
    body = (
        "def command():\n"
        f"  open({str(path)!r}, 'w').close()\n"
        "  try: print(flush=True); time.sleep(20)\n"
        f"  finally: time.sleep(0.3); os.unlink({str(path)!r})"
    )
    assert stopped(body, signal.SIGINT, signal.SIGINT, pause=0.1) == (130, SENTENCE)
    assert not path.exists()


def test_a_later_signal_ends_a_command_whose_end_takes_long() -> None:
    body = "def command():\n  try: print(flush=True); time.sleep(20)\n  finally: time.sleep(20)"
    began = time.monotonic()
    assert stopped(body, signal.SIGINT, signal.SIGINT, pause=1.3)[0] == 130
    assert time.monotonic() - began < 10


def test_an_exception_that_replaces_the_interrupt_is_no_traceback() -> None:
    body = (
        "def command():\n  try: print(flush=True); time.sleep(20)\n"
        "  except KeyboardInterrupt: raise ImportError('numpy')"
    )
    assert stopped(body, signal.SIGINT) == (130, SENTENCE)


def test_an_ignored_signal_stays_ignored() -> None:
    body = "def command(): print(flush=True); time.sleep(0.5)"
    begin = "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    assert stopped(begin + body, signal.SIGINT) == (0, "")
