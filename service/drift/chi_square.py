"""The chi-square distribution's upper tail, without a library for it."""

from math import erfc, exp, lgamma, log, sqrt


def survival(value: float, degrees: int) -> float:
    """Return the chance of more than `value` (≥ 0) with whole `degrees` of freedom (≥ 0).

    The finite sums of Abramowitz and Stegun, 26.4.4 and 26.4.5; each term is made of logarithms,
    so that chances keep their digits down to 1e-300.
    """
    half = value / 2
    if degrees == 0 or half == 0:
        return 1.0
    tail = erfc(sqrt(half)) if degrees % 2 else 0.0
    powers = (degrees % 2 / 2 + step for step in range(degrees // 2))
    terms = (exp(power * log(half) - half - lgamma(power + 1)) for power in powers)
    return min(1.0, tail + sum(terms))
