"""The rooms' import rules, read off the source and tried in a process without torch and onnx."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

FORBIDDEN = {
    "models": {"export", "service", "onnx", "onnxruntime", "fastapi"},
    "export": {"fastapi"},
    "service": {
        *("torch", "onnx", "lightning", "sklearn", "models", "export"),
        *("optuna", "pyarrow", "pandas", "matplotlib", "scipy", "torchmetrics"),
    },
}
# Data frames are for who reads answers in a notebook; nothing of the server imports the module.
FRAMES = {"service/client/frames.py": {"pandas", "pyarrow"}}
EXPORT_MAY_IMPORT_OF_SERVICE = {
    "service",
    "service.artifact",
    "service.classifier",
    "service.contract",
    "service.runtime",
    "service.signature",
}
LARGEST_MODULE = 200


def modules(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Yield every module that the file imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("room", FORBIDDEN)
def test_no_module_imports_what_its_room_must_not(room: str) -> None:
    for path in modules(room):
        roots = {name.partition(".")[0] for name in imports(path)}
        allowed = FRAMES.get(path.relative_to(ROOT).as_posix(), set())
        assert not roots & (FORBIDDEN[room] - allowed), path


def test_export_sees_only_the_services_contract_classifier_and_signature() -> None:
    for path in modules("export"):
        used = {name for name in imports(path) if name.partition(".")[0] == "service"}
        assert used <= EXPORT_MAY_IMPORT_OF_SERVICE, path


def test_the_contract_needs_the_standard_library_alone() -> None:
    own = {
        "contract.py": {"service.input_description", "service.metadata_reading"},
        "input_description.py": {"service.metadata_reading"},
        "metadata_reading.py": set(),
    }
    for name, helpers in own.items():
        used = set(imports(ROOT / "service" / name)) - helpers
        assert {module.partition(".")[0] for module in used} <= sys.stdlib_module_names, name


def test_only_settings_and_the_telemetry_switch_touch_the_environment() -> None:
    users = {path.name for path in modules("service") if "os.environ" in path.read_text()}
    assert users == {"runtime.py"}  # settings.py reads it through pydantic-settings


def test_the_app_is_imported_where_torch_and_onnx_cannot_be() -> None:
    script = (
        "import sys\n"
        "for name in ('torch', 'onnx', 'lightning', 'sklearn', 'models', 'export'):\n"
        "    sys.modules[name] = None\n"
        "import service.app, service.server, service.__main__\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)


def test_no_module_is_longer_than_a_reader_can_hold() -> None:
    for room in FORBIDDEN:
        for path in modules(room):
            assert len(path.read_text().splitlines()) < LARGEST_MODULE, path


def test_the_serving_lock_holds_nothing_that_only_training_needs() -> None:
    lock = (ROOT / "requirements" / "serve.txt").read_text()
    for package in (
        *("torch", "onnx", "lightning", "scikit-learn", "mlxtend", "matplotlib"),
        *("optuna", "pyarrow", "pandas", "scipy", "torchmetrics"),
    ):
        assert f"\n{package}==" not in f"\n{lock}"
