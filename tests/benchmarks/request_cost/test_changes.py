import pytest

from benchmarks.request_cost.changes import nothing, replaced


class Owner:
    value = 1

    @property
    def computed(self) -> int:
        return 2


def test_an_attribute_is_replaced_and_restored() -> None:
    owner = Owner()
    with replaced([(Owner, "value", 3), (Owner, "computed", 4)]):
        assert (owner.value, owner.computed) == (3, 4)
    assert (owner.value, owner.computed) == (1, 2)


def test_an_attribute_is_restored_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError), replaced([(Owner, "value", 3)]):
        raise ZeroDivisionError
    assert Owner.value == 1


def test_an_attribute_that_does_not_exist_is_not_replaced() -> None:
    with pytest.raises(KeyError, match="missing"), replaced([(Owner, "missing", nothing)]):
        pass


def test_nothing_accepts_everything() -> None:
    nothing(1, two=2)
