import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import command


def test_export_says_how_far_the_file_is_from_torch(run_path: Path, tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    done = command("export", "onnx", run_path, file, "--name", "mine", "--version", "2")
    assert done.returncode == 0
    assert "errors against float64" in done.stdout
    assert "all 180 test rows: the labels torch names, accuracy " in done.stdout
    assert done.stdout.endswith(f"{file}: {file.stat().st_size:,} bytes, verified\n")
    shown = command("export", "show", file).stdout
    assert "mine version 2" in shown
    assert "highway 3" in shown


def test_verify_repeats_the_checks(artifact_path: Path, run_path: Path) -> None:
    alone = command("export", "verify", artifact_path)
    assert (alone.returncode, alone.stdout) == (0, f"{artifact_path}: verified\n")
    compared = command("export", "verify", artifact_path, "--run", run_path)
    assert compared.returncode == 0
    assert "all 180 test rows" in compared.stdout


def test_the_report_is_json_for_machines(artifact_path: Path, run_path: Path) -> None:
    recorded = json.loads(command("export", "verify", artifact_path, "--json").stdout)
    repeated = command("export", "verify", artifact_path, "--run", run_path, "--json").stdout
    assert json.loads(repeated) == recorded
    assert recorded["test_rows"] == 180


def test_a_signed_file_is_verified_by_its_public_key(artifact_path: Path, tmp_path: Path) -> None:
    file = Path(shutil.copy(artifact_path, tmp_path / "model.onnx"))
    key, public = tmp_path / "key.pem", tmp_path / "public.pem"
    for line in (
        f"openssl ecparam -name prime256v1 -genkey -noout -out {key}",
        f"openssl pkey -in {key} -pubout -out {public}",
    ):
        subprocess.run(line.split(), check=True, capture_output=True)
    signed = command("export", "sign", file, "--key", key)
    assert signed.stdout == f"{file}.sig: written, the signature of {file}\n"
    assert command("export", "verify", file, "--public-key", public).returncode == 0
    Path(f"{file}.sig").unlink()
    unsigned = command("export", "verify", file, "--public-key", public)
    assert (unsigned.returncode, unsigned.stderr) == (
        1,
        f"error: {file}.sig: expected a signature, found No such file or directory; sign the file "
        "with `python -m export sign`\n",
    )


@pytest.mark.parametrize("verb", ["verify", "show"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "expected an .onnx file, found No such file or directory"),
        (b"", "expected an .onnx file, found an empty file"),
        (
            b"no model at all",
            {
                "verify": "expected an ONNX model, found bytes that are none; ",
                "show": "expected an ONNX model that onnxruntime can load, found bytes that it "
                "refuses; ",
            },
        ),
    ],
)
def test_a_file_that_is_no_artifact_is_one_sentence(
    verb: str, content: bytes | None, message: str | dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "model.onnx"
    if content is not None:
        file.write_bytes(content)
    if isinstance(message, dict):
        message = f"{message[verb]}the file is damaged or is something else"
    done = command("export", verb, file)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"error: {file}: {message}\n")


def test_a_run_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    done = command("export", "onnx", tmp_path / "nothing", tmp_path / "model.onnx")
    assert (done.returncode, done.stderr) == (
        1,
        f"error: {tmp_path}/nothing: expected a run directory, found nothing there\n",
    )
    assert list(tmp_path.iterdir()) == []
