import json
import shutil
from pathlib import Path

import pytest

from tests.conftest import command, command_process
from tests.service.test_signature import KEY, private_pem, public_pem


def test_export_reports_the_differences_from_torch(run_path: Path, tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    done = command_process("export", "export", run_path, file, "--name", "mine", "--version", "2")
    assert done.returncode == 0
    assert "errors relative to float64" in done.stdout
    assert "all 180 test rows: same labels as torch, accuracy " in done.stdout
    last = done.stdout.splitlines()[-1]
    assert last.startswith(f"{file}: {file.stat().st_size:,} bytes, verified; next: `")
    assert last.endswith(f"python -m service serve {file}`")
    shown = command("export", "show", file).stdout
    assert "mine version 2" in shown
    assert "highway 3" in shown


def test_verify_repeats_the_checks(artifact_path: Path, run_path: Path) -> None:
    alone = command("export", "verify", artifact_path)
    assert alone.returncode == 0
    assert alone.stdout.startswith(f"{artifact_path}: verified; next: `")
    assert alone.stdout.endswith(f"python -m service serve {artifact_path}`\n")
    compared = command("export", "verify", artifact_path, "--run", run_path)
    assert compared.returncode == 0
    assert "all 180 test rows" in compared.stdout


def test_the_report_is_available_as_json(artifact_path: Path, run_path: Path) -> None:
    recorded = json.loads(command("export", "verify", artifact_path, "--json").stdout)
    repeated = command("export", "verify", artifact_path, "--run", run_path, "--json").stdout
    assert json.loads(repeated) == recorded
    assert recorded["test_rows"] == 180


def test_a_signed_file_is_verified_with_the_public_key(artifact_path: Path, tmp_path: Path) -> None:
    file = Path(shutil.copy(artifact_path, tmp_path / "model.onnx"))
    key, public = tmp_path / "key.pem", tmp_path / "public.pem"
    key.write_bytes(private_pem(KEY))
    public.write_bytes(public_pem(KEY))
    signed = command("export", "sign", file, "--key", key)
    assert signed.stdout.startswith(f"{file}.sig: signature of {file} written; next: `")
    assert signed.stdout.endswith(f"python -m service check {file} --public-key PUBLIC_KEY`\n")
    verified = command("export", "verify", file, "--public-key", public)
    assert verified.returncode == 0
    assert verified.stdout.endswith(f"serve {file} --public-key {public}`\n")
    Path(f"{file}.sig").unlink()
    unsigned = command("export", "verify", file, "--public-key", public)
    assert (unsigned.returncode, unsigned.stderr) == (
        1,
        f"error: {file}.sig: expected a signature, found No such file or directory; sign the file "
        "with `highway sign`\n",
    )


@pytest.mark.parametrize("subcommand", ["verify", "show"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "expected an .onnx file, found No such file or directory"),
        (b"", "expected an .onnx file, found an empty file"),
        (b"no model at all", "expected an ONNX "),
    ],
)
def test_a_file_that_is_not_an_artifact_is_a_one_line_error(
    subcommand: str, content: bytes | None, message: str, tmp_path: Path
) -> None:
    file = tmp_path / "model.onnx"
    if content is not None:
        file.write_bytes(content)
    done = command("export", subcommand, file)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: {file}: {message.rstrip()}")
    assert done.stderr.count("\n") == 1


def test_a_missing_run_is_a_one_line_error(tmp_path: Path) -> None:
    done = command("export", "export", tmp_path / "nothing", tmp_path / "model.onnx")
    assert (done.returncode, done.stderr) == (
        1,
        f"error: {tmp_path}/nothing: expected a run directory, found nothing there\n",
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "option", [("--precision", "fp16"), ("--precision", "int8", "--max-label-changes", "101")]
)
def test_an_invalid_option_is_a_usage_error(option: tuple[str, ...], tmp_path: Path) -> None:
    done = command("export", "export", tmp_path, tmp_path / "model.onnx", *option)
    assert done.returncode == 2
    assert "Invalid value" in done.stderr
    assert list(tmp_path.iterdir()) == []
