"""What can be wrong with what a modeller gives us; each message is one sentence for her.

ModelsError
├── ConfigError   a network or training setting that cannot work
├── DataError     data that cannot be learned from
└── RunError      a run directory that is missing something, or cannot be written
"""


class ModelsError(ValueError):
    """Base of all errors of this package."""


class ConfigError(ModelsError):
    """A network or training setting that cannot work."""


class DataError(ModelsError):
    """Data that cannot be learned from."""


class RunError(ModelsError):
    """A run directory that is missing something, or cannot be written."""
