"""Reference outputs in float64, and the error that float32 may make.

torch computes the same rows in float32 and in float64. The difference is float32's own error for
this network and these rows; any other engine may err by a small multiple of it. Rounding errors can
cancel by chance in one engine and not in another. So the error is at least the change of the exact
outputs when inputs and weights change at random by as much as rounding changes a sum.

Typicality is piecewise linear in its scores. Near a bend one draw of roundings may stay on the flat
side while another engine's do not, so a few rows are drawn many times (measured in
docs/measurements/export.md).
"""

import copy
from collections.abc import Callable, Iterator
from itertools import repeat

import numpy as np
import torch
from numpy.typing import NDArray

from export.backends import FloatValues, Outputs
from export.errors import LayerError, NumericsError, UnstableError, VerificationError
from export.graph import ServedNetwork
from export.outputs import P_VALUES, row_scale
from export.report import MULTIPLE, TYPICALITY_FACTOR
from models.data.dataset import FloatRows
from models.errors import first_line
from models.gates.directions import GATE_ROUNDING, tensor_log_odds
from models.gates.typicality import Typicality
from models.networks.classifier import GatedClassifier
from service.contract import (
    GATE_UNITS,
    LAYER_TYPICALITY,
    LOGITS,
    OUTPUTS,
    PROBABILITIES,
    TYPICALITY,
)

ROUNDING = 2.0**-24  # relative error of one number; of a sum, times the root of its length
FLOOR = 2.0**-22  # least error of float32: two units in the last place of 1
DRAWN_ROWS = 512  # rows with roundings drawn at random: a reference of fewer is drawn repeatedly
TORCH_VALUES = 2**18  # of a batch's rows: a convolution in float64 takes a hundred times as much
LARGEST_ERROR = 1e-3  # of a probability; with a larger one float32 cannot represent the network

TorchEngine = Callable[[FloatValues, FloatRows | None], Outputs]  # accepts float64 rows too


def torch_engine(served: ServedNetwork, dtype: torch.dtype = torch.float32) -> TorchEngine:
    """Return torch as an engine, in float32, or in float64 for a reference."""
    return _engine_of(copy.deepcopy(served).to(dtype).eval(), dtype)


def _engine_of(served: ServedNetwork, dtype: torch.dtype) -> TorchEngine:
    """Return a module of this type as an engine, without a copy."""

    @torch.inference_mode()
    def compute(rows: FloatValues, scales: FloatRows | None) -> Outputs:
        scale = np.ones((1, served.layers), np.float32) if scales is None else scales
        x, gate_scale = torch.from_numpy(rows).to(dtype), torch.from_numpy(scale).to(dtype)
        size = max(1, TORCH_VALUES // x.shape[1])
        scale_parts = gate_scale.split(size) if len(gate_scale) > 1 else repeat(gate_scale)
        try:
            parts = [served(*part) for part in zip(x.split(size), scale_parts, strict=False)]
        except (IndexError, RuntimeError) as error:  # such as an embedding of an unknown index
            raise LayerError(
                f"network: cannot compute all rows that a request may have: {first_line(error)}; "
                "clamp indices to the range of their embedding"
            ) from error
        return {
            name: torch.cat(values).numpy()
            for name, values in zip(OUTPUTS, zip(*parts, strict=True), strict=True)
        }

    return compute


def _relative_roundings(
    network: GatedClassifier, rows: FloatRows, random: np.random.Generator
) -> NDArray[np.float64]:
    """Return a relative change for each value of `rows` (n, features).

    It is 0 for category indices and for dates, whose week day would change at midnight.
    """
    signs = random.choice([-1.0, 1.0], rows.shape)
    signs[:, list(network.exact_columns)] = 0
    return np.asarray(signs * ROUNDING * np.sqrt(rows.shape[1]))


@torch.no_grad()
def _with_rounded_sums(
    served: ServedNetwork, random: np.random.Generator, draws: int
) -> Iterator[ServedNetwork]:
    """Yield a float64 copy whose weights (outputs, inputs, …) differ by the rounding of a sum.

    All draws change the same copy, because a copy takes longer than the outputs of a few rows.

    A sum of n products in another order equals the exact sum of products that differ by √n
    roundings. Of typicality, only the projection of the gates loses digits.
    """
    rounded = copy.deepcopy(served).double().eval()
    typicality = rounded.typicality
    layers = typicality.layers.weight.transpose(1, 2)  # (layers, outputs, inputs)
    weights = (*rounded.network.parameters(), typicality.weight, *layers)
    exact = [weight.clone() for weight in weights]
    for _ in range(draws):
        for weight, value in zip(weights, exact, strict=True):
            signs = torch.from_numpy(random.choice([-1.0, 1.0], tuple(weight.shape)))
            terms = weight[0].numel() if weight.dim() > 1 else 1
            weight.copy_(value * (1 + signs * ROUNDING * terms**0.5))
        yield rounded


@torch.inference_mode()
def _typicality_of_rounded_gates(
    typicality: Typicality, outputs: Outputs, random: np.random.Generator
) -> Outputs:
    """Return the p-values of a float64 module with every gate moved by onnxruntime's rounding.

    The error of its Sigmoid is absolute, so for gates that are nearly closed it is far larger than
    torch's.
    """
    signs = random.choice([-1.0, 1.0], outputs[GATE_UNITS].shape)
    gate_units = torch.from_numpy(outputs[GATE_UNITS] + signs * GATE_ROUNDING)
    logits, probabilities = (torch.from_numpy(outputs[name]) for name in (LOGITS, PROBABILITIES))
    return {
        TYPICALITY: typicality(logits, probabilities, tensor_log_odds(gate_units)).numpy(),
        LAYER_TYPICALITY: typicality.layers(probabilities, gate_units).numpy(),
    }


def _rounded_outputs(
    served: ServedNetwork, rows: FloatRows, gate_scale: FloatRows | None
) -> Iterator[Outputs]:
    """Yield float64 outputs with inputs, sums and gates moved by roundings, drawn at random."""
    random = np.random.default_rng(0)
    for rounded in _with_rounded_sums(served, random, max(1, DRAWN_ROWS // len(rows))):
        moved = rows * (1 + _relative_roundings(served.network, rows, random))
        outputs = _engine_of(rounded, torch.float64)(moved, gate_scale)
        yield outputs | _typicality_of_rounded_gates(rounded.typicality, outputs, random)


class Reference:
    """Rows with torch's outputs in float64 (`exact`) and float32.

    Errors are relative to each row's `scale`. `error_class` is raised for outputs too far off.
    """

    def __init__(
        self,
        name: str,
        served: ServedNetwork,
        rows: FloatRows,
        gate_scale: FloatRows | None = None,
        *,
        error_class: type[VerificationError] = NumericsError,
    ) -> None:
        self.name, self.rows, self.gate_scale = name, rows, gate_scale
        self.error_class = error_class
        self.exact = torch_engine(served, torch.float64)(rows, gate_scale)
        self.scale = row_scale(self.exact)
        self.float32 = torch_engine(served)(rows, gate_scale)
        errors = [
            self._largest_errors(outputs)
            for outputs in (self.float32, *_rounded_outputs(served, rows, gate_scale))
        ]
        self.float32_error = {name: max(error[name] for error in errors) for name in OUTPUTS}

    def check_stable(self) -> None:
        """Reject a network whose probabilities float32 cannot compute."""
        error = self.float32_error[PROBABILITIES]
        if not error <= LARGEST_ERROR:  # also rejects NaN
            raise UnstableError(
                f"{self.name}: expected torch's probabilities in float32 and float64 to agree to "
                f"within {LARGEST_ERROR:g}, found a difference of {error:.2g}; train the network "
                "with a lower --learning-rate or fewer layers"
            )

    def allowed(self, output: str) -> float:
        """Return the largest error that an engine may make in that output."""
        factor = TYPICALITY_FACTOR if output in P_VALUES else 1.0
        return MULTIPLE * factor * max(self.float32_error[output], FLOOR)

    def errors(self, outputs: Outputs, backend: str) -> dict[str, float]:
        """Return the largest error of each output, or raise `error_class` if one is too large.

        `outputs` are of the first rows, as many as it has; `backend` names their engine.
        """
        errors = self._largest_errors(outputs)
        for name in OUTPUTS:
            if not errors[name] <= self.allowed(name):
                raise self.error_class(
                    f"{name}: expected float64's values to within {self.allowed(name):.1e}, "
                    f"{MULTIPLE:g} times float32's own error, found an error of "
                    f"{errors[name]:.1e} on {self.name} with {backend}"
                )
        return errors

    def _largest_errors(self, outputs: Outputs) -> dict[str, float]:
        errors = {}
        for name in OUTPUTS:
            count = len(outputs[name])
            difference = np.abs(outputs[name] - self.exact[name][:count])
            errors[name] = float((difference / self.scale[:count]).max())
        return errors
