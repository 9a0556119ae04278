from service.http.byte_budget import ByteBudget

LIMIT = 800_000  # of which 100,000 are for small bodies


def test_large_bodies_leave_room_to_small_ones() -> None:
    budget = ByteBudget(LIMIT)
    assert budget.take(700_000, held=0)
    assert not budget.take(1, held=65_536)
    assert budget.take(65_536, held=0)
    assert not budget.take(65_536, held=0)
    assert budget.used == 765_536


def test_bytes_that_are_given_back_can_be_taken_again() -> None:
    budget = ByteBudget(LIMIT)
    assert budget.take(700_000, held=0)
    budget.give(1000)
    assert budget.take(1000, held=699_000)


def test_responses_that_are_not_read_leave_less_room_for_bodies() -> None:
    budget = ByteBudget(LIMIT)
    budget.add(790_000)
    assert budget.take(10_000, held=0)
    assert not budget.take(1, held=0)


def test_a_burst_ends_once_when_its_large_bodies_have_gone() -> None:
    budget = ByteBudget(LIMIT)
    budget.take(10, held=0)
    assert budget.burst_ended()  # the start
    assert not budget.burst_ended()
    budget.take(200_000, held=10)
    assert not budget.burst_ended()
    budget.give(200_010)
    assert [budget.burst_ended(), budget.burst_ended()] == [True, False]
