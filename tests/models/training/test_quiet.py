import logging
import warnings

import pytest

from models.training.quiet import LOGGERS, silenced


def test_lightning_is_silent_for_a_while_and_then_as_loud_as_before() -> None:
    logger = logging.getLogger(LOGGERS[0])
    before = logger.level
    with silenced():
        assert logger.level == logging.ERROR
        warnings.warn("advice about data workers", UserWarning, stacklevel=1)
    assert logger.level == before
    with pytest.warns(UserWarning, match="heard again"):
        warnings.warn("heard again", UserWarning, stacklevel=1)


def test_after_an_error_lightning_is_as_loud_as_before_too() -> None:
    logger = logging.getLogger(LOGGERS[0])
    before = logger.level
    with pytest.raises(KeyError), silenced():
        raise KeyError
    assert logger.level == before
