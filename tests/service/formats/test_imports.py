import subprocess
import sys

from tests.conftest import ROOT

SCRIPT = """
import importlib, pkgutil, sys
for name in ("onnxruntime", "fastapi", "starlette", "uvicorn"):
    sys.modules[name] = None  # an import of it fails
import service.formats
for module in pkgutil.iter_modules(service.formats.__path__):
    importlib.import_module(f"service.formats.{module.name}")
"""


def test_formats_need_neither_onnxruntime_nor_http() -> None:
    subprocess.run([sys.executable, "-c", SCRIPT], cwd=ROOT, check=True)
