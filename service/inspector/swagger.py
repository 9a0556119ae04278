"""The files of Swagger UI, from a package that carries them."""

from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from service.inspector.assets import Asset

PACKAGE = "fastapi_swagger"
FILES = ("swagger-ui-bundle.js", "swagger-ui.css")


def swagger_release() -> str:
    """Return the version of the package, which names the version of its files."""
    return version(PACKAGE)


@cache
def read_swagger(name: str) -> Asset:
    """Read one of `FILES` without an import of the package, which would import FastAPI's pages."""
    spec = find_spec(PACKAGE)
    assert spec is not None
    assert spec.origin is not None
    return Asset(name, (Path(spec.origin).parent / "resources" / name).read_bytes())
