import pytest
from pydantic import TypeAdapter, ValidationError

from models.networks.blocks import Block, HighwayConvBlock

BLOCK: TypeAdapter[Block] = TypeAdapter(Block)


def test_a_block_is_read_by_its_kind() -> None:
    block = BLOCK.validate_python({"kind": "highway-conv", "number": 2, "width": 16})
    assert block == HighwayConvBlock(number=2, width=16, kernel=3, gate_kernel=3)


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({"kind": "highway-conv", "number": 1, "width": 4, "kernel": 4}, "expected an odd number"),
        ({"kind": "dense", "width": 0}, "greater than or equal to 1"),
        ({"kind": "dropout", "rate": 1.0}, "less than 1"),
        ({"kind": "gated"}, "does not match any of the expected tags"),
        ({"kind": "dense", "width": 4, "activation": "linear"}, "Input should be 'relu', 'tanh'"),
    ],
)
def test_a_block_that_cannot_be_is_refused(values: dict[str, object], found: str) -> None:
    with pytest.raises(ValidationError, match=found):
        BLOCK.validate_python(values)
