"""The names of the package are loaded at their first use."""

import subprocess
import sys

import pytest

import models


def test_importing_the_package_imports_no_large_library() -> None:
    program = "import sys, models; print({'torch', 'numpy', 'pandas'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.stdout == "set()\n"


@pytest.mark.parametrize("name", models.__all__)
def test_every_name_is_loaded(name: str) -> None:
    assert getattr(models, name).__name__ == name


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"^module 'models' has no attribute 'fit'$"):
        models.fit  # noqa: B018
