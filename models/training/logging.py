"""Log levels: Lightning's advice on devices and data workers does not apply to data in memory."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

LOGGERS = ("lightning.pytorch", "lightning.fabric")


def quiet_lightning_logs() -> None:
    """Ignore warnings and Lightning's messages below ERROR for the rest of this process."""
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.simplefilter("ignore")


@contextmanager
def quiet_logs() -> Iterator[None]:
    """Call `quiet_lightning_logs`, and restore filters and levels at the end."""
    levels = {name: logging.getLogger(name).level for name in LOGGERS}
    try:
        with warnings.catch_warnings():
            quiet_lightning_logs()
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
