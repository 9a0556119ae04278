import logging
import warnings

import pytest

from models.training.logging import LOGGERS, quiet_logs


def test_warnings_and_lightning_logs_are_ignored_only_inside_the_context() -> None:
    logger = logging.getLogger(LOGGERS[0])
    before = logger.level
    with quiet_logs():
        assert logger.level == logging.ERROR
        warnings.warn("advice about data workers", UserWarning, stacklevel=1)
    assert logger.level == before
    with pytest.warns(UserWarning, match="shown again"):
        warnings.warn("shown again", UserWarning, stacklevel=1)


def test_the_log_level_is_restored_after_an_error() -> None:
    logger = logging.getLogger(LOGGERS[0])
    before = logger.level
    with pytest.raises(KeyError), quiet_logs():
        raise KeyError
    assert logger.level == before
