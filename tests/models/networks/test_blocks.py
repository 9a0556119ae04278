import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from models.errors import ConfigError
from models.networks.blocks import (
    AveragePoolBlock,
    Block,
    ConvBlock,
    DenseBlock,
    DropoutBlock,
    HighwayBlock,
    HighwayConvBlock,
    MaxPoolBlock,
    build_block,
    image_shape,
)

BLOCK: TypeAdapter[Block] = TypeAdapter(Block)
IMAGE = (3, 8, 6)


def test_a_block_is_read_by_its_kind() -> None:
    block = BLOCK.validate_python({"kind": "highway-conv", "number": 2, "width": 16})
    assert block == HighwayConvBlock(number=2, width=16, kernel=3, gate_kernel=3)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kind": "highway-conv", "number": 1, "width": 4, "kernel": 4}, "expected an odd number"),
        ({"kind": "dense", "width": 0}, "greater than or equal to 1"),
        ({"kind": "dropout", "rate": 1.0}, "less than 1"),
        ({"kind": "gated"}, "does not match any of the expected tags"),
        ({"kind": "dense", "width": 4, "activation": "linear"}, "Input should be 'relu', 'tanh'"),
    ],
)
def test_an_invalid_block_is_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        BLOCK.validate_python(values)


@pytest.mark.parametrize(
    ("block", "shape"),
    [
        (DenseBlock(width=5), (5,)),
        (HighwayBlock(number=1, width=144), (144,)),
        (ConvBlock(width=5, kernel=5), (5, 4, 2)),
        (ConvBlock(width=5, kernel=3, padding=1), (5, 8, 6)),
        (HighwayConvBlock(number=1, width=3), IMAGE),
        (MaxPoolBlock(size=3, stride=2), (3, 4, 3)),
        (AveragePoolBlock(), (3, 1, 1)),
        (DropoutBlock(rate=0.5), IMAGE),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_a_block_returns_the_shape_of_its_output_rows(block: Block, shape: tuple[int, ...]) -> None:
    module, returned = build_block(block, IMAGE, 1)
    rows = module(torch.randn(2, *IMAGE))
    rows = rows[0] if isinstance(rows, tuple) else rows
    assert returned == shape == tuple(rows.shape[1:])


def test_the_papers_pools_round_sizes_up() -> None:
    pool, last = MaxPoolBlock(size=3, stride=2), MaxPoolBlock(size=2, stride=2)
    sizes = [24]
    for block in (pool, pool, last):
        sizes.append(build_block(block, (1, sizes[-1], sizes[-1]), 1)[1][1])
    assert sizes == [24, 12, 6, 3]


@given(st.integers(1, 40), st.integers(1, 6), st.integers(1, 6))
def test_pooled_sizes_match_torch(size: int, window: int, stride: int) -> None:
    try:
        module, shape = build_block(MaxPoolBlock(size=window, stride=stride), (1, size, size), 1)
    except ConfigError:
        with pytest.raises(RuntimeError):
            torch.nn.MaxPool2d(window, stride, ceil_mode=True)(torch.zeros(1, 1, size, size))
        return
    assert tuple(module(torch.zeros(1, 1, size, size)).shape[1:]) == shape


def test_an_image_shape_has_one_or_three_channels() -> None:
    assert image_shape((28, 20)) == (1, 28, 20)
    assert image_shape((32, 30, 3)) == (3, 32, 30)


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (
            HighwayBlock(number=1, width=6),
            "block 3: a highway layer carries its input, so its width must be the input's 144 "
            "units, found 6; put a dense block of width 6 before it",
        ),
        (
            HighwayConvBlock(number=1, width=6),
            "block 3: a highway layer carries its input, so its width must be the input's 3 "
            "channels, found 6; put a convolution of width 6 before it",
        ),
        (
            ConvBlock(width=4, kernel=7),
            "block 3: expected an image of at least 7×7 for its kernel, found 8×6; use larger "
            "images or another preset",
        ),
        (
            MaxPoolBlock(size=9, stride=1),
            "block 3: expected an image that fits a pooling window of 9 pixels, found 8×6; use "
            "larger images or another preset",
        ),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_a_block_that_does_not_fit_its_input_is_refused(block: Block, expected: str) -> None:
    with pytest.raises(ConfigError) as error:
        build_block(block, IMAGE, 3)
    assert str(error.value) == expected


def test_a_table_row_has_no_image_shape() -> None:
    with pytest.raises(ConfigError) as error:
        image_shape((30,))
    assert str(error.value) == (
        "network: expected images for its convolutions, found rows of 30 columns; choose a dense "
        "preset"
    )
