"""The operators of a served graph: an allow-list, with the attributes and constants of each.

It is what torch's exporter and onnxruntime's quantiser write for this project's networks and for
usual layers in networks of one's own. None of them has a subgraph, draws random numbers, or makes a
tensor of a size that a value in the file chooses freely. A test exports all of them and compares.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

INTEGER, INTEGERS, FLOAT, STRING = 2, 7, 1, 3  # AttributeProto.AttributeType

MAX_INTEGER = 1 << 16  # sizes of windows and pads, axes, numbers of parts
MIN_INTEGER = -8  # an axis from the end
MAX_INTEGERS = 16  # values of one attribute
STRINGS = frozenset({b"NOTSET", b"none", b"tanh"})  # of auto_pad and of Gelu's approximation


@dataclass(frozen=True)
class Operator:
    """The attributes of an operator with their types, and the inputs that decide its shape.

    `shape_inputs` are positions of inputs that must be constants, or `Shape` and `Concat` of
    constants: onnxruntime allocates the output by their values. With `table`, the shape may also be
    any tensor if the first input is a weight (rows, values), in which it looks up rows.
    """

    attributes: Mapping[str, int] = field(default_factory=dict)
    shape_inputs: tuple[int, ...] = ()
    table: bool = False


_ELEMENTWISE = (
    *("Abs", "Add", "And", "Ceil", "Clip", "Cos", "Div", "Equal", "Erf", "Exp", "Floor", "Greater"),
    *("GreaterOrEqual", "HardSwish", "IsInf", "IsNaN", "Less", "LessOrEqual", "Log"),
    *("Max", "Min", "Mish", "Mul", "Neg", "Not", "Or", "PRelu", "Pow", "Reciprocal", "Relu"),
    *("Round", "Selu", "Sigmoid", "Sign", "Sin", "Softplus", "Sqrt", "Sub", "Tanh", "Where", "Xor"),
)
_WINDOW = {
    "auto_pad": STRING,
    "kernel_shape": INTEGERS,
    "pads": INTEGERS,
    "strides": INTEGERS,
}
_POOL = {**_WINDOW, "ceil_mode": INTEGER}
_REDUCTION = Operator({"keepdims": INTEGER, "noop_with_empty_axes": INTEGER}, (1,))

QUANTISATION: Mapping[str, Operator] = {
    "QuantizeLinear": Operator(),
    "DequantizeLinear": Operator({"axis": INTEGER}),
}
OPERATORS: Mapping[str, Operator] = {
    **dict.fromkeys(_ELEMENTWISE, Operator()),
    "AveragePool": Operator({**_POOL, "count_include_pad": INTEGER}),
    # The attribute `training_mode`, with which a row's outputs depend on its batch, is left out.
    "BatchNormalization": Operator({"epsilon": FLOAT, "momentum": FLOAT}),
    "Cast": Operator({"to": INTEGER}),
    "Celu": Operator({"alpha": FLOAT}),
    "Concat": Operator({"axis": INTEGER}),
    "Conv": Operator({**_WINDOW, "dilations": INTEGERS, "group": INTEGER}),
    "Elu": Operator({"alpha": FLOAT}),
    "Expand": Operator({}, (1,)),
    "Gather": Operator({"axis": INTEGER}, (1,), table=True),
    "Gelu": Operator({"approximate": STRING}),
    "Gemm": Operator({"alpha": FLOAT, "beta": FLOAT, "transA": INTEGER, "transB": INTEGER}),
    "HardSigmoid": Operator({"alpha": FLOAT, "beta": FLOAT}),
    "InstanceNormalization": Operator({"epsilon": FLOAT}),
    "LayerNormalization": Operator({"axis": INTEGER, "epsilon": FLOAT, "stash_type": INTEGER}),
    "LeakyRelu": Operator({"alpha": FLOAT}),
    "LogSoftmax": Operator({"axis": INTEGER}),
    "MatMul": Operator(),
    "MaxPool": Operator({**_POOL, "dilations": INTEGERS, "storage_order": INTEGER}),
    "Mod": Operator({"fmod": INTEGER}),
    "ReduceL2": _REDUCTION,
    "ReduceMax": Operator({"keepdims": INTEGER}, (1,)),
    "ReduceMean": _REDUCTION,
    "ReduceMin": Operator({"keepdims": INTEGER}, (1,)),
    "ReduceSum": _REDUCTION,
    "Reshape": Operator({"allowzero": INTEGER}, (1,)),
    "Shape": Operator({"start": INTEGER, "end": INTEGER}),
    "Slice": Operator({}, (1, 2, 3, 4)),
    "Softmax": Operator({"axis": INTEGER}),
    "Split": Operator({"axis": INTEGER, "num_outputs": INTEGER}),
    "Squeeze": Operator({}, (1,)),
    "Transpose": Operator({"perm": INTEGERS}),
    "Unsqueeze": Operator({}, (1,)),
    **QUANTISATION,
}
