"""The operators of a served graph: an allow-list, with the attributes and constants of each.

It is all that torch's exporter and onnxruntime's quantiser write for this project's networks. None
of them has a subgraph, draws random numbers, or makes a tensor of a size that a value in the file
chooses freely. A test exports every kind of network and compares.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

INTEGER, INTEGERS, FLOAT, STRING = 2, 7, 1, 3  # AttributeProto.AttributeType

MAX_INTEGER = 1 << 16  # sizes of windows and pads, axes, numbers of parts
MIN_INTEGER = -8  # an axis from the end
MAX_INTEGERS = 16  # values of one attribute
STRINGS = frozenset({b"NOTSET", b"none"})  # of auto_pad and of Gelu's approximation


@dataclass(frozen=True)
class Operator:
    """The attributes of an operator with their types, and the inputs that decide its shape.

    `shape_inputs` are positions of inputs that must be constants, or `Shape` and `Concat` of
    constants: onnxruntime allocates the output by their values.
    """

    attributes: Mapping[str, int] = field(default_factory=dict)
    shape_inputs: tuple[int, ...] = ()


_ELEMENTWISE = (
    *("Add", "Div", "Equal", "Greater", "IsNaN", "Max", "Mul", "Pow", "Sqrt", "Sub", "Where"),
    *("Clip", "Exp", "Log", "Relu", "Sigmoid", "Softplus", "Tanh"),
)
_WINDOW = {
    "auto_pad": STRING,
    "dilations": INTEGERS,
    "kernel_shape": INTEGERS,
    "pads": INTEGERS,
    "strides": INTEGERS,
}

QUANTISATION: Mapping[str, Operator] = {
    "QuantizeLinear": Operator(),
    "DequantizeLinear": Operator({"axis": INTEGER}),
}
OPERATORS: Mapping[str, Operator] = {
    **dict.fromkeys(_ELEMENTWISE, Operator()),
    "Cast": Operator({"to": INTEGER}),
    "Concat": Operator({"axis": INTEGER}),
    "Conv": Operator({**_WINDOW, "group": INTEGER}),
    "Elu": Operator({"alpha": FLOAT}),
    "Expand": Operator({}, (1,)),
    "Gather": Operator({"axis": INTEGER}, (1,)),
    "Gelu": Operator({"approximate": STRING}),
    "Gemm": Operator({"alpha": FLOAT, "beta": FLOAT, "transA": INTEGER, "transB": INTEGER}),
    "MaxPool": Operator({**_WINDOW, "ceil_mode": INTEGER, "storage_order": INTEGER}),
    "ReduceMax": Operator({"keepdims": INTEGER}, (1,)),
    "ReduceMean": Operator({"keepdims": INTEGER, "noop_with_empty_axes": INTEGER}, (1,)),
    "Reshape": Operator({"allowzero": INTEGER}, (1,)),
    "Shape": Operator({"start": INTEGER, "end": INTEGER}),
    "Softmax": Operator({"axis": INTEGER}),
    "Split": Operator({"axis": INTEGER, "num_outputs": INTEGER}),
    "Transpose": Operator({"perm": INTEGERS}),
    "Unsqueeze": Operator({}, (1,)),
    **QUANTISATION,
}
