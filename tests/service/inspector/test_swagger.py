import subprocess
import sys

import pytest

from service.inspector.swagger import FILES, read_swagger, swagger_release


def test_the_package_carries_the_files() -> None:
    script, style = map(read_swagger, FILES)
    assert b"SwaggerUIBundle" in script.content
    assert b".swagger-ui" in style.content
    assert (script.media_type[:15], style.media_type[:8]) == ("text/javascript", "text/css")
    assert read_swagger(FILES[0]) is script
    assert swagger_release().count(".") == 2


@pytest.mark.parametrize("name", FILES)
def test_the_package_itself_is_not_imported(name: str) -> None:
    code = (
        "import sys; from service.inspector.swagger import read_swagger; "
        f"read_swagger({name!r}); assert 'fastapi_swagger' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
