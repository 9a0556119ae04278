"""Errors that a user of `models` can act on, and how their messages list names.

ModelsError
├── ConfigError        an invalid network or training setting
│   └── DivergedError  a training whose loss became NaN or infinite
├── DataError          data that cannot be read or learned from
├── RunError           a run directory that is incomplete or cannot be written
└── StoppedError       interrupted work that can be resumed

A `ModelsWarning` says how data were read, or what is suspicious in data and scores.
"""

from collections.abc import Sequence

MAX_NAMES = 20  # in a message; more are only counted


class ModelsError(ValueError):
    """Base of all errors of this package; each message is one sentence for the user.

    `options` are words of the command line with which the same command goes through, if known.
    """

    options: tuple[str, ...] = ()

    def _render_traceback_(self) -> list[str]:
        """Return what a notebook shows instead of a traceback."""
        return [f"{type(self).__name__}: {self}"]


class ConfigError(ModelsError):
    """An invalid network or training setting."""


class DivergedError(ConfigError):
    """A training whose loss became NaN or infinite."""


class DataError(ModelsError):
    """Data that cannot be read or learned from."""


class RunError(ModelsError):
    """A run directory that is incomplete or cannot be written."""


class StoppedError(ModelsError):
    """Interrupted work that can be resumed."""


class ModelsWarning(UserWarning):
    """One sentence about data or scores that the user should know."""


def join_names(names: Sequence[str]) -> str:
    """Join names in quotes with commas for an error message, at most `MAX_NAMES` of them."""
    return join_strings([repr(name) for name in names])


def join_strings(strings: Sequence[str]) -> str:
    """Join strings with commas for an error message, at most `MAX_NAMES` of them."""
    more = f" and {len(strings) - MAX_NAMES} more" if len(strings) > MAX_NAMES else ""
    return ", ".join(strings[:MAX_NAMES]) + more


def first_line(error: object) -> str:
    """Return the first line of an exception's message, without a full stop, for use in another."""
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
