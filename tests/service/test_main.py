import hashlib
import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import command, command_process
from tests.service.conftest import METADATA, Recipe
from tests.service.hostile_files import doubled_often, endless_loop, slow
from tests.service.test_classifier import rename_output


def test_a_valid_file_is_ready_to_serve(file: Path) -> None:
    done = command_process("service", "check", file)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(
        f"{file}: tiny version 1, 3 labels, 2 highway layers: ready to serve; next: `"
    )
    assert done.stdout.endswith(f"python -m service serve {file}`\n")


def without_labels(path: Path) -> None:
    path.write_bytes(Recipe(props=lambda props: props.pop("highway.labels")).build())


def with_contract_version_1(path: Path) -> None:
    path.write_bytes(Recipe(props=lambda p: p.update({"highway.contract": "1"})).build())


def with_a_renamed_output(path: Path) -> None:
    path.write_bytes(Recipe(change=rename_output).build())


def truncated(path: Path) -> None:
    path.write_bytes(Recipe().build()[:500])


def with_a_damaged_name(path: Path) -> None:
    path.write_bytes(Recipe().build().replace(b"highway.name", b"\xffighway.name"))


def with_another_label(path: Path) -> None:
    content = Recipe(metadata=replace(METADATA, labels=("x", "b", "c"))).build()
    path.write_bytes(content.replace(b'["x"', b'["y"'))


def with_an_endless_loop(path: Path) -> None:
    path.write_bytes(Recipe(change=endless_loop).build())


def with_rows_of_gigabytes(path: Path) -> None:
    path.write_bytes(Recipe(change=doubled_often).build())


def a_dangling_link(path: Path) -> None:
    path.symlink_to("missing.onnx")


def a_loop(path: Path) -> None:
    path.symlink_to(path.name)


def a_link_to_a_damaged_file(path: Path) -> None:
    truncated(path.with_name("real"))
    path.symlink_to("real")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "found No such file or directory"),
        (Path.mkdir, "found a folder without any"),
        (Path.touch, "found an empty file"),
        (a_dangling_link, "found a symbolic link to a missing file, missing.onnx"),
        (a_loop, "found a symbolic link that leads back to itself"),
        (a_link_to_a_damaged_file, "found a value that is longer than its message"),
        (lambda path: path.write_text("text"), "found a value that is longer than its message"),
        (truncated, "found a value that is longer than its message"),
        (with_a_damaged_name, "found a string that is not UTF-8"),
        (without_labels, "metadata 'highway.labels': expected a value, found none"),
        (with_contract_version_1, "metadata 'highway.contract': expected version 4, found 1"),
        (with_a_renamed_output, "found logits, chances, gate_mean, gate_units, typicality"),
        (with_an_endless_loop, "weight 'true': expected one of the types float32"),
        (with_rows_of_gigabytes, "expected a model that loads with 268,435,456 bytes of memory"),
        (with_another_label, "the file was changed after it was verified"),
    ],
)
def test_a_file_that_cannot_be_served_is_rejected_with_one_sentence(
    make: Callable[[Path], object],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HIGHWAY_MODEL_LOAD_BYTES", f"{1 << 28}")
    path = tmp_path / "model.onnx"
    make(path)
    began = time.monotonic()
    done = command("service", "check", path)
    assert time.monotonic() - began < 2
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {path}: ")
    assert message in line


def test_a_file_that_computes_too_long_is_rejected_at_the_deadline_of_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HIGHWAY_MODEL_LOAD_SECONDS", "0.1")
    path = tmp_path / "model.onnx"
    path.write_bytes(Recipe(change=slow).build())
    done = command("service", "check", path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"error: {path}: expected a model that loads and computes its golden rows within 0.1 s, "
        "found one that takes longer; raise HIGHWAY_MODEL_LOAD_SECONDS if you trust its source\n"
    )


@pytest.mark.parametrize("arguments", [[], ["serve"], ["check"], ["key"]])
def test_every_command_has_help(arguments: list[str]) -> None:
    done = command("service", *arguments, "--help")
    assert done.returncode == 0
    assert "Usage: python -m service" in done.stdout


def test_a_made_key_has_its_line_on_stdout_and_its_token_on_stderr() -> None:
    done = command("service", "key", "ci", "--scope", "inspect", "--scope", "predict")
    assert done.returncode == 0
    match = re.fullmatch(r"token, shown only now: (hwk_[\w-]{32})\n", done.stderr)
    assert match is not None
    digest = hashlib.sha256(match[1].encode()).hexdigest()
    assert done.stdout == f"ci predict,inspect {digest}\n"


def test_the_name_of_a_made_key_is_checked() -> None:
    done = command("service", "key", "a b", "--scope", "predict")
    assert (done.returncode, done.stdout, done.stderr) == (
        1,
        "",
        "error: name: expected 1 to 64 letters, digits or . _ @ -\n",
    )


def test_a_key_needs_a_scope() -> None:
    done = command("service", "key", "ci")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--scope" in done.stderr
