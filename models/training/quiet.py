"""Silence for advice about devices and data workers that data in memory has no use for."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

LOGGERS = ("lightning.pytorch", "lightning.fabric")


def silence() -> None:
    """Let Lightning say nothing below an error, for as long as this process runs."""
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.simplefilter("ignore")


@contextmanager
def silenced() -> Iterator[None]:
    """Let Lightning say nothing below an error for a while."""
    levels = {name: logging.getLogger(name).level for name in LOGGERS}
    try:
        with warnings.catch_warnings():
            silence()
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
