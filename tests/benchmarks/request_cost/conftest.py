from pathlib import Path

import pytest

from tests.service.conftest import Recipe


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.onnx"
    path.write_bytes(Recipe().build())
    return path
