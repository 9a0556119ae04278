"""Errors that a user of `models` can act on, and how their messages list names.

ModelsError
├── ConfigError        an invalid network or training setting
│   └── DivergedError  a training whose loss became NaN or infinite
├── DataError          data that cannot be read or learned from
├── RunError           a run directory that is incomplete or cannot be written
└── StoppedError       interrupted work that can be resumed
"""

from collections.abc import Sequence

MAX_NAMES = 20  # in a message; more are only counted


class ModelsError(ValueError):
    """Base of all errors of this package; each message is one sentence for the user."""


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


def join_names(names: Sequence[str]) -> str:
    """Join names with commas for an error message, at most `MAX_NAMES` of them."""
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return ", ".join(names[:MAX_NAMES]) + more


def first_line(error: object) -> str:
    """Return the first line of an exception's message, without a full stop, for use in another."""
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
