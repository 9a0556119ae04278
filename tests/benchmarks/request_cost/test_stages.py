from benchmarks.request_cost.stages import repeated


def test_a_repeated_function_is_called_once_for_each_key() -> None:
    calls = []

    def double(number: int, *, plus: int) -> int:
        calls.append(number)
        return 2 * number + plus

    quick = repeated(double, lambda number: number % 10)
    assert [quick(number, plus=1) for number in (1, 11, 2)] == [3, 3, 5]
    assert calls == [1, 2]
