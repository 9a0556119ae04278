"""Reference outputs in float64, and the error that float32 may make.

torch computes the same rows in float32 and in float64. The difference is float32's own error for
this network and these rows; any other engine may err by a small multiple of it. Rounding errors can
cancel by chance in one engine and not in another. So the error is at least the change of the exact
outputs when each input changes by as much as rounding changes a sum over all inputs.
"""

import copy
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from export.backends import FloatValues, Outputs
from export.errors import NumericsError, UnstableError, VerificationError
from export.graph import ServedNetwork
from export.outputs import row_scale
from export.report import MULTIPLE, TYPICALITY_FACTOR
from models.data.dataset import FloatRows
from models.gates.directions import GATE_ROUNDING
from models.gates.typicality import Typicality
from models.networks.network import HighwayClassifier
from models.networks.preparation import Columns
from service.contract import GATE_UNITS, LOGITS, OUTPUTS, PROBABILITIES, TYPICALITY

ROUNDING = 2.0**-24  # relative error of one number; of a sum, times the root of its length
FLOOR = 2.0**-22  # least error of float32: two units in the last place of 1
LARGEST_ERROR = 1e-3  # of a probability; with a larger one float32 cannot represent the network

TorchEngine = Callable[[FloatValues, FloatRows | None], Outputs]  # accepts float64 rows too


def torch_engine(served: ServedNetwork, dtype: torch.dtype = torch.float32) -> TorchEngine:
    """Return torch as an engine, in float32, or in float64 for a reference."""
    served = copy.deepcopy(served).to(dtype).eval()

    @torch.inference_mode()
    def compute(rows: FloatValues, gate_scale: FloatRows | None) -> Outputs:
        scale = np.ones((1, served.layers), np.float32) if gate_scale is None else gate_scale
        outputs = served(torch.from_numpy(rows).to(dtype), torch.from_numpy(scale).to(dtype))
        return {name: o.numpy() for name, o in zip(OUTPUTS, outputs, strict=True)}

    return compute


def _relative_roundings(network: HighwayClassifier, rows: FloatRows) -> NDArray[np.float64]:
    """Return a relative change for each value of `rows` (n, features); 0 for category indices."""
    signs = np.random.default_rng(0).choice([-1.0, 1.0], rows.shape)
    preparation = network.config.preparation
    if isinstance(preparation, Columns):
        signs[:, [count > 0 for count in preparation.categories]] = 0
    return np.asarray(signs * ROUNDING * np.sqrt(rows.shape[1]))


@torch.inference_mode()
def _typicality_of_rounded_gates(typicality: Typicality, outputs: Outputs) -> FloatValues:
    """Return the p-values with every gate moved by the error of onnxruntime's Sigmoid.

    That error is absolute, so for gates that are nearly closed it is far larger than torch's.
    """
    float64_module = copy.deepcopy(typicality).double()
    signs = np.random.default_rng(0).choice([-1.0, 1.0], outputs[GATE_UNITS].shape)
    gate_units = outputs[GATE_UNITS] + signs * GATE_ROUNDING
    inputs = outputs[LOGITS], outputs[PROBABILITIES], gate_units
    return np.asarray(float64_module(*map(torch.from_numpy, inputs)).numpy())


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
        float64_engine = torch_engine(served, torch.float64)
        self.exact = float64_engine(rows, gate_scale)
        self.scale = row_scale(self.exact)
        self.float32 = torch_engine(served)(rows, gate_scale)
        moved = float64_engine(rows * (1 + _relative_roundings(served.network, rows)), gate_scale)
        moved[TYPICALITY] = _typicality_of_rounded_gates(served.typicality, moved)
        self.float32_error = {
            name: max(
                float((np.abs(outputs[name] - self.exact[name]) / self.scale).max())
                for outputs in (self.float32, moved)
            )
            for name in OUTPUTS
        }

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
        factor = TYPICALITY_FACTOR if output == TYPICALITY else 1.0
        return MULTIPLE * factor * max(self.float32_error[output], FLOOR)

    def errors(self, outputs: Outputs, backend: str) -> dict[str, float]:
        """Return the largest error of each output, or raise `error_class` if one is too large.

        `outputs` are of the first rows, as many as it has; `backend` names their engine.
        """
        errors = {}
        for name in OUTPUTS:
            count = len(outputs[name])
            difference = np.abs(outputs[name] - self.exact[name][:count])
            errors[name] = float((difference / self.scale[:count]).max())
            if not errors[name] <= self.allowed(name):
                raise self.error_class(
                    f"{name}: expected float64's values to within {self.allowed(name):.1e}, "
                    f"{MULTIPLE:g} times float32's own error, found an error of "
                    f"{errors[name]:.1e} on {self.name} with {backend}"
                )
        return errors
