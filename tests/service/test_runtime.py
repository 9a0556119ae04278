import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT


def test_onnxruntime_writes_no_telemetry_to_the_home_directory(tmp_path: Path) -> None:
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "LD_LIBRARY_PATH")}
    subprocess.run(
        [sys.executable, "-m", "service", "check", "service/bundled/digits.onnx"],
        cwd=ROOT,
        env={**kept, "HOME": str(tmp_path)},
        check=True,
        capture_output=True,
    )
    assert list(tmp_path.iterdir()) == []
