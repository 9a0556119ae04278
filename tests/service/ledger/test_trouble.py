import pytest
from sqlalchemy.exc import DataError, IntegrityError, OperationalError

from service.ledger.schema import SchemaError
from service.ledger.trouble import is_refused, sentence


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            OperationalError("INSERT 7", {"a": 7}, Exception("disk is full\nDETAIL: 7")),
            "disk is full",
        ),
        (PermissionError(13, "Permission denied", "/var/x"), "/var/x: Permission denied"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (SchemaError("tables: newer"), "tables: newer"),
        (ValueError(), "ValueError"),
    ],
)
def test_trouble_is_the_first_line_of_what_the_driver_says(error: Exception, expected: str) -> None:
    assert sentence(error) == expected


def test_values_that_are_refused_are_told_from_a_database_that_is_away() -> None:
    cause = Exception("out of range")
    assert is_refused(DataError("INSERT", None, cause))
    assert is_refused(IntegrityError("INSERT", None, cause))
    assert not is_refused(OperationalError("INSERT", None, cause))
    assert not is_refused(OSError(28, "No space left on device"))
