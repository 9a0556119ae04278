"""The client is a distribution of its own that imports nothing of the server."""

import ast
import subprocess
import sys
import tomllib

import highway_client

from tests.conftest import ROOT

PACKAGE = ROOT / "client" / "highway_client"


def test_no_module_imports_the_server_or_an_undeclared_package() -> None:
    project = tomllib.loads((ROOT / "client" / "pyproject.toml").read_text())["project"]
    declared = {requirement.split(">")[0] for requirement in project["dependencies"]}
    extras = {"pandas", "pyarrow", "PIL", "openpyxl"}
    command = {"typer", "rich"}  # of `highway`, whose distribution installs them
    allowed = {*declared, "highway_client", "anyio", *sys.stdlib_module_names}
    for path in PACKAGE.rglob("*.py"):
        imported = {
            name.partition(".")[0]
            for node in ast.walk(ast.parse(path.read_text()))
            for name in (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
        }
        is_shell = path.parent.name == "shell" or path.name in ("command.py", "terminal.py")
        more = command if is_shell else set()
        assert imported <= allowed | extras | more, path


def test_public_names_are_sorted_and_include_both_kinds_of_an_explanations_inputs() -> None:
    assert highway_client.__all__ == sorted(highway_client.__all__)
    assert {"ColumnEffects", "PatchEffects"} <= set(highway_client.__all__)
    assert all(hasattr(highway_client, name) for name in highway_client.__all__)


def test_the_client_works_where_the_server_and_its_libraries_cannot_be_imported() -> None:
    script = (
        "import sys\n"
        "for name in ('service', 'onnxruntime', 'fastapi', 'pydantic', 'orjson', 'sqlalchemy',\n"
        "             'typer', 'rich', 'pandas'):\n"
        "    sys.modules[name] = None\n"
        "from highway_client import Client\n"
        "Client('http://127.0.0.1:1').close()\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT / "client", check=True)
