"""Export of a run directory to one verified ONNX file; imports `models` and parts of `service`.

`export_model` is loaded at its first use: torch takes seconds to import.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from export.artifact import export_model

__all__ = ["export_model"]


def __getattr__(name: str) -> object:
    if name != "export_model":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from export.artifact import export_model

    return export_model
