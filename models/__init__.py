"""Highway networks, their data, training and gates; of the service only a few small modules.

`load_data`, `train` and `evaluate` are for Python programs and notebooks. They are loaded at their
first use: torch takes seconds to import.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.interface.evaluation import evaluate
    from models.interface.loading import LoadedData, load_data
    from models.interface.result import TrainingResult
    from models.interface.training import train

__all__ = ["LoadedData", "TrainingResult", "evaluate", "load_data", "train"]

_MODULES = {
    "LoadedData": "loading",
    "TrainingResult": "result",
    "evaluate": "evaluation",
    "load_data": "loading",
    "train": "training",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"models.interface.{_MODULES[name]}"), name)
