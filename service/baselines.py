"""The baseline of an artifact: usual gates and usual inputs, of held-out and of training rows.

The metadata key `gate_baseline` holds them; a reader needs neither.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from service.contract_errors import check_count, contract_error, expect, shown

USUAL = (0.1, 0.9)  # quantiles of a layer's mean gate between which it is usual
MAX_USUAL_VALUES = 16  # of a column
GATE_BINS = 11  # of a layer's mean gate on held-out rows; the edges are its 1/11 … 10/11 quantiles
FLOAT32_MAX = 3.4028234663852886e38

# Strict by themselves: the baseline is validated as Python values, not as JSON.
RowCount = Annotated[int, Field(strict=True, ge=0, le=2**53)]
Value = Annotated[float, Field(strict=True, ge=-FLOAT32_MAX, le=FLOAT32_MAX)]
Flag = Annotated[bool, Field(strict=True)]
Member = TypeVar("Member")


@dataclass(frozen=True, kw_only=True)
class HeldOutRows:
    """Mean gates of rows held out of the training, binned by predicted label and layer.

    predicted: rows of each predicted label. edges: (labels, layers, GATE_BINS − 1), the quantiles
    of the layer's mean gate for rows of that label, in rising order. counts: (labels, layers,
    GATE_BINS), those rows by the number of edges below their mean gate. usual: (labels, layers,
    2), the `USUAL` quantiles, of all rows where a label has few. `part` is the part of the data
    that the rows are from.
    """

    rows: Annotated[int, Field(strict=True, gt=0)]
    part: str
    predicted: list[RowCount]
    edges: list[list[list[Value]]]
    counts: list[list[list[RowCount]]]
    usual: list[list[list[Value]]]


@dataclass(frozen=True, kw_only=True)
class InputBaseline:
    """Usual values of the inputs among training rows, as a row has them.

    usual: one value for each column of a table or channel of an image: the median of numbers,
    dates and pixels, the most frequent category. For a table, values: further usual values of each
    column, in rising order; missing: whether training rows lack the column's value.
    """

    usual: list[Value]
    values: list[list[Value]]
    missing: list[Flag]


def read_held_out(baseline: Mapping[str, Any], *, labels: int, layers: int) -> HeldOutRows | None:
    """Read and validate the held-out rows of a gate baseline, None if it has none."""
    rows = _member(baseline, "held_out", _HELD_OUT)
    if rows is not None:
        _check_held_out(rows, labels, layers)
    return rows


def read_inputs(
    baseline: Mapping[str, Any], *, categories: Sequence[int], channels: int
) -> InputBaseline | None:
    """Read and validate the usual inputs of a gate baseline, None if it has none.

    `categories` has the number of categories of each column of a table, 0 for numbers; `channels`
    is the number of channels of an image, 0 for a table.
    """
    usual = _member(baseline, "inputs", _INPUTS)
    if usual is not None:
        _check_inputs(usual, categories, channels)
    return usual


_HELD_OUT = TypeAdapter(HeldOutRows)
_INPUTS = TypeAdapter(InputBaseline)


def _member(baseline: Mapping[str, Any], name: str, adapter: TypeAdapter[Member]) -> Member | None:
    location, value = f"gate_baseline: {name}", baseline.get(name)
    if value is None:
        return None
    expect(isinstance(value, dict), location, "an object", shown(value))
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        raise contract_error(location, error) from error


def _check_held_out(held_out: HeldOutRows, labels: int, layers: int) -> None:
    location = "gate_baseline: held_out: "
    for name, shape in (
        ("predicted", (labels,)),
        ("edges", (labels, layers, GATE_BINS - 1)),
        ("counts", (labels, layers, GATE_BINS)),
        ("usual", (labels, layers, len(USUAL))),
    ):
        valid, size = _has_shape(getattr(held_out, name), shape), " × ".join(map(str, shape))
        expect(valid, location + name, f"an array of {size} numbers", "another shape")
    total = sum(held_out.predicted)
    expect(total == held_out.rows, location + "predicted", f"{held_out.rows} rows", f"{total}")
    for name in ("edges", "usual"):
        layers_of = getattr(held_out, name)
        rising = all(numbers == sorted(numbers) for layer in layers_of for numbers in layer)
        expect(rising, location + name, "numbers in rising order", "another order")
    sums = [[sum(counts) for counts in layer] for layer in held_out.counts]
    valid = sums == [[rows] * layers for rows in held_out.predicted]
    expect(valid, location + "counts", "the rows of `predicted` in every layer", "other sums")


def _check_inputs(baseline: InputBaseline, categories: Sequence[int], channels: int) -> None:
    location, columns = "gate_baseline: inputs: ", len(categories)
    for name, count in (("usual", channels or columns), ("values", columns), ("missing", columns)):
        found = len(getattr(baseline, name))
        expect(found == count, location + name, f"{count} items", f"{found}")
    for index, (count, values) in enumerate(zip(categories, baseline.values, strict=True)):
        where = f"{location}values[{index}]"
        check_count(values, MAX_USUAL_VALUES, where, "values")
        expect(values == sorted(values), where, "numbers in rising order", "another order")
        if count:
            _check_categories(values, count, where)
            _check_categories([baseline.usual[index]], count, f"{location}usual[{index}]")


def _check_categories(values: Sequence[float], count: int, location: str) -> None:
    others = [value for value in values if value not in range(count)]
    expected = f"an index of the column's {count} categories"
    expect(not others, location, expected, shown(others[0]) if others else "")


def _has_shape(values: Any, shape: tuple[int, ...]) -> bool:
    return not shape or (
        len(values) == shape[0] and all(_has_shape(value, shape[1:]) for value in values)
    )
