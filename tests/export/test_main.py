from pathlib import Path

import pytest

from tests.conftest import command


def test_export_says_how_far_the_file_is_from_torch(run_path: Path, tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    done = command("export", "onnx", run_path, file, "--name", "mine", "--version", "2")
    assert done.returncode == 0
    assert "torch against onnxruntime, batches of 1, 2, 7, 64" in done.stdout
    assert done.stdout.endswith(f"{file}: {file.stat().st_size:,} bytes, verified\n")
    shown = command("export", "show", file).stdout
    assert "mine version 2" in shown
    assert "highway 3" in shown


def test_verify_repeats_the_checks(artifact_path: Path, run_path: Path) -> None:
    alone = command("export", "verify", artifact_path)
    assert (alone.returncode, alone.stdout) == (0, f"{artifact_path}: verified\n")
    compared = command("export", "verify", artifact_path, "--run", run_path)
    assert compared.returncode == 0
    assert "180 test rows" in compared.stdout


@pytest.mark.parametrize("verb", ["verify", "show"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "expected an .onnx file, found No such file or directory"),
        (b"", "expected an .onnx file, found an empty file"),
        (
            b"no model at all",
            "expected an ONNX model that onnxruntime can load, found bytes that it refuses; "
            "the file is damaged or is something else",
        ),
    ],
)
def test_a_file_that_is_no_artifact_is_one_sentence(
    verb: str, content: bytes | None, message: str, tmp_path: Path
) -> None:
    file = tmp_path / "model.onnx"
    if content is not None:
        file.write_bytes(content)
    done = command("export", verb, file)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"error: {file}: {message}\n")


def test_a_run_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    done = command("export", "onnx", tmp_path / "nothing", tmp_path / "model.onnx")
    assert (done.returncode, done.stderr) == (
        1,
        f"error: {tmp_path}/nothing: expected a run directory, found nothing there\n",
    )
    assert list(tmp_path.iterdir()) == []
