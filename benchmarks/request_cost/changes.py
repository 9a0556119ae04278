"""Changes to the server: a part that is left out, or one that is added."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from benchmarks.request_cost.server import Server

Replacement = tuple[Any, str, Any]  # of an attribute of an object, a class or a module


def none_of(_server: Server) -> Sequence[Replacement]:
    """Replace nothing."""
    return ()


@dataclass(frozen=True, kw_only=True)
class Change:
    """A part of the server, and how to serve without it; or if it `adds` the part, with it.

    Either attributes are replaced, or a second server has other `settings`, or requests want other
    `outputs`. `idle_seconds` after its requests, what the part does later has been done.
    """

    name: str
    how: str  # for the reader of the table
    replacements: Callable[[Server], Sequence[Replacement]] = none_of
    settings: Mapping[str, Any] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()
    adds: bool = False
    postpones: bool = False
    idle_seconds: float = 0.0


@contextmanager
def replaced(replacements: Sequence[Replacement]) -> Iterator[None]:
    """Replace attributes; a `KeyError` if one does not exist where it is replaced."""
    before = [(owner, name, vars(owner)[name]) for owner, name, _ in replacements]
    try:
        for owner, name, value in replacements:
            setattr(owner, name, value)
        yield
    finally:
        for owner, name, value in before:
            setattr(owner, name, value)


def nothing(*_: object, **__: object) -> None:
    """Take the place of a function whose result is not used, or may be None."""
