import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import command, command_process
from tests.service.conftest import METADATA, Recipe
from tests.service.test_classifier import rename_output


def test_a_valid_file_is_ready_to_serve(file: Path) -> None:
    done = command_process("service", "check", file)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{file}: tiny version 1, 3 labels, 2 highway layers: ready to serve\n"


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


def a_symbolic_link(path: Path) -> None:
    truncated(path.with_name("real.onnx"))
    path.symlink_to("real.onnx")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "found No such file or directory"),
        (Path.mkdir, "found a directory"),
        (Path.touch, "found an empty file"),
        (a_symbolic_link, "found a symbolic link; give the file it points to"),
        (lambda path: path.write_text("text"), "found bytes that it rejects"),
        (truncated, "found bytes that it rejects"),
        (with_a_damaged_name, "found bytes that it rejects"),
        (without_labels, "metadata 'highway.labels': expected a value, found none"),
        (with_contract_version_1, "metadata 'highway.contract': expected version 3, found 1"),
        (with_a_renamed_output, "found logits, chances, gate_mean, gate_units, typicality"),
        (with_another_label, "the file was changed after it was verified"),
    ],
)
def test_a_file_that_cannot_be_served_is_rejected_with_one_sentence(
    make: Callable[[Path], object], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "model.onnx"
    make(path)
    began = time.monotonic()
    done = command("service", "check", path)
    assert time.monotonic() - began < 2
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {path}: ")
    assert message in line


@pytest.mark.parametrize("arguments", [[], ["serve"], ["check"]])
def test_every_command_has_help(arguments: list[str]) -> None:
    done = command("service", *arguments, "--help")
    assert done.returncode == 0
    assert "Usage: python -m service" in done.stdout
