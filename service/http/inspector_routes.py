"""The inspector page at `/`, the page of the API at `/docs`, and their files."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from service.errors import UnknownPathError
from service.http.static_response import file_response, page_response
from service.inspector.assets import read_assets
from service.inspector.swagger import FILES, read_swagger, swagger_release

# `data:` is for the pictures in style sheets.
_RULES = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
)
_TRUSTED_TYPES = ("require-trusted-types-for 'script'", "trusted-types 'none'")
INSPECTOR_POLICY = "; ".join((*_RULES, *_TRUSTED_TYPES))
DOCS_POLICY = "; ".join(_RULES)  # Swagger UI assigns strings of HTML


def inspector_router(root_path: str | None = None) -> APIRouter:
    """Return the routes; the inspector's files are read now, those of Swagger UI when needed.

    The addresses in a page are relative to it: the prefix `root_path` needs a slash behind it.
    """
    swagger = swagger_release()
    assets = read_assets(values={"swagger": swagger})
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def inspector(request: Request) -> Response:
        return page_response(request, assets.pages["index.html"], INSPECTOR_POLICY)

    if root_path is not None:

        @router.get(root_path)
        async def prefix() -> Response:
            return RedirectResponse(f"{root_path}/", 308)

    @router.get("/docs")
    async def docs(request: Request) -> Response:
        return page_response(request, assets.pages["docs/index.html"], DOCS_POLICY)

    @router.get("/inspector/{digest}/{path:path}")
    async def inspector_file(request: Request, digest: str, path: str) -> Response:
        asset = assets.files.get(path)
        if digest != assets.digest or asset is None:
            raise _outdated()
        return file_response(request, asset)

    # In a thread: to compress Swagger UI takes a fifth of a second, once.
    @router.get("/docs/{release}/{file}")
    def swagger_file(request: Request, release: str, file: str) -> Response:
        if release != swagger or file not in FILES:
            raise _outdated()
        return file_response(request, read_swagger(file))

    return router


def _outdated() -> UnknownPathError:
    return UnknownPathError("path: not found; if a page requested it, reload the page")
