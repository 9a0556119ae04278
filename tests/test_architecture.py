"""The structure of the source, beside the import rules that import-linter checks in `make lint`."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import ROOT

PACKAGES = ("models", "export", "scoring", "service", "client")
MAX_LINES = 400


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Yield every module that the file imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [program, "--config", ROOT / "pyproject.toml", "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": f"{folder}:{folder / 'client'}", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_import_rules_refuse_a_folder_that_imports_a_higher_layer(tmp_path: Path) -> None:
    for package in PACKAGES:
        for path in modules(package):
            copy = tmp_path / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(path.read_text())
    assert lint_imports(tmp_path).returncode == 0
    for module, statement, rule in (
        ("service/drift/monitor.py", "from service.inference import queue", "lower layers only"),
        ("service/formats/rows.py", "from service import runtime", "do not import onnxruntime"),
        (
            "service/app.py",
            "def lazily() -> None:\n    import torch",
            "no training, export, scoring or",
        ),
        ("models/run.py", "import service.artifact", "the client's readers, no more"),
        ("export/graph.py", "import service.settings", "export and scoring import no server"),
        ("client/highway_client/calls.py", "import service.arrays", "client imports nothing"),
    ):
        path = tmp_path / module
        source = path.read_text()
        path.write_text(f"{source}\n{statement}\n")
        done = lint_imports(tmp_path)
        assert done.returncode == 1, module
        (broken,) = [line for line in done.stdout.splitlines() if "BROKEN" in line]
        assert rule in broken
        path.write_text(source)


def test_the_contract_needs_the_standard_library_and_pydantic_only() -> None:
    parts = ("contract", "baselines", "contract_errors")
    for part in parts:
        used = set(imports(ROOT / "service" / f"{part}.py")) - {f"service.{name}" for name in parts}
        roots = {module.partition(".")[0] for module in used}
        assert roots <= sys.stdlib_module_names | {"pydantic"}


def test_only_settings_and_the_switches_of_libraries_read_the_environment() -> None:
    users = {path.name for path in modules("service") if "os.environ" in path.read_text()}
    assert users == {"library.py", "runtime.py", "settings.py"}


def test_the_app_is_imported_where_torch_and_onnx_cannot_be() -> None:
    script = (
        "import sys\n"
        "for name in ('torch', 'onnx', 'lightning', 'sklearn', 'models', 'export', 'httpx2'):\n"
        "    sys.modules[name] = None\n"
        "import service.app, service.server.start, service.commands\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)


def test_no_module_is_too_long() -> None:
    for package in PACKAGES:
        for path in modules(package):
            assert len(path.read_text().splitlines()) <= MAX_LINES, path


def test_the_serving_lock_has_nothing_that_only_training_needs() -> None:
    lock = (ROOT / "requirements" / "serve.txt").read_text()
    for package in (
        *("torch", "onnx", "lightning", "scikit-learn", "mlxtend", "matplotlib"),
        *("optuna", "pyarrow", "pandas", "scipy", "torchmetrics"),
    ):
        assert f"\n{package}==" not in f"\n{lock}"
