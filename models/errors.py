"""What can be wrong with what a modeller gives us; each message is one sentence for her.

ModelsError
├── ConfigError        a network or training setting that cannot work
│   └── DivergedError  a training whose loss is no longer a number
├── DataError          data that cannot be learned from
├── RunError           a run directory that is missing something, or cannot be written
└── StoppedError       work that was stopped from outside, and can be gone on with
"""


class ModelsError(ValueError):
    """Base of all errors of this package."""


class ConfigError(ModelsError):
    """A network or training setting that cannot work."""


class DivergedError(ConfigError):
    """A training whose loss is no longer a number."""


class DataError(ModelsError):
    """Data that cannot be learned from."""


class RunError(ModelsError):
    """A run directory that is missing something, or cannot be written."""


class StoppedError(ModelsError):
    """Work that was stopped from outside, and can be gone on with."""
