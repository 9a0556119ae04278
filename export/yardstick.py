"""How far from the exact answers a float32 computation may be: told by torch's own error.

torch answers the same rows in float32 and in float64. What lies between the two is float32's own
error for this network and these rows, and any other engine may err by a small multiple of that.
Rounding can cancel by chance in one engine and not in another, so a second measure counts too: how
the exact answers move when each input moves as much as the rounding of a sum over all of them.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from export.answers import row_scale
from export.engines import Answers, Numbers
from export.errors import NumericsError, UnstableError, VerificationError
from export.graph import ServedNetwork
from export.report import MULTIPLE, STEEP
from models.data.dataset import FloatRows
from models.networks.network import HighwayClassifier
from models.networks.preparation import Columns
from service.contract import OUTPUTS, PROBABILITIES, UNUSUAL

ROUNDING = 2.0**-24  # of one number; that of a sum grows with the root of its length
FLOOR = 2.0**-22  # where torch errs by less: two units in the last place of 1
LARGEST_OWN_ERROR = 1e-3  # of a probability: beyond it float32 says too little of the network

TorchEngine = Callable[[Numbers, FloatRows | None], Answers]  # takes float64, too


def torch_engine(served: ServedNetwork, dtype: torch.dtype = torch.float32) -> TorchEngine:
    """Return torch's own answers, computed in float32 or, for a yardstick, in float64."""
    served = copy.deepcopy(served).to(dtype).eval()

    @torch.inference_mode()
    def answer(rows: Numbers, gate_scale: FloatRows | None) -> Answers:
        scale = np.ones((1, served.layers), np.float32) if gate_scale is None else gate_scale
        outputs = served(torch.from_numpy(rows).to(dtype), torch.from_numpy(scale).to(dtype))
        return {name: o.numpy() for name, o in zip(OUTPUTS, outputs, strict=True)}

    return answer


def _roundings(network: HighwayClassifier, rows: FloatRows) -> NDArray[np.float64]:
    """Return by what share each of `rows` (n, features) moves; a category's code stays a code."""
    signs = np.random.default_rng(0).choice([-1.0, 1.0], rows.shape)
    preparation = network.config.preparation
    if isinstance(preparation, Columns):
        signs[:, [count > 0 for count in preparation.categories]] = 0
    return np.asarray(signs * ROUNDING * np.sqrt(rows.shape[1]))


@dataclass(frozen=True, kw_only=True)
class Yardstick:
    """Rows with torch's answers in both precisions; errors are shares of each row's scale."""

    name: str
    rows: FloatRows
    gate_scale: FloatRows | None
    exact: Answers
    torch: Answers
    scale: Numbers
    own_error: dict[str, float]
    refusal: type[VerificationError]

    @classmethod
    def of(
        cls,
        name: str,
        served: ServedNetwork,
        rows: FloatRows,
        gate_scale: FloatRows | None = None,
        *,
        refusal: type[VerificationError] = NumericsError,
    ) -> "Yardstick":
        """Answer `rows` with torch, in float32 and float64; other numbers raise `refusal`."""
        in_float64 = torch_engine(served, torch.float64)
        exact = in_float64(rows, gate_scale)
        moved = in_float64(rows * (1 + _roundings(served.network, rows)), gate_scale)
        own = torch_engine(served)(rows, gate_scale)
        scale = row_scale(exact)
        error = {
            name: max(
                float((np.abs(found[name] - exact[name]) / scale).max()) for found in (own, moved)
            )
            for name in OUTPUTS
        }
        return cls(
            name=name,
            rows=rows,
            gate_scale=gate_scale,
            exact=exact,
            torch=own,
            scale=scale,
            own_error=error,
            refusal=refusal,
        )

    def check_stable(self) -> None:
        """Refuse a network whose own probabilities float32 does not hold."""
        error = self.own_error[PROBABILITIES]
        if not error <= LARGEST_OWN_ERROR:  # so written that NaN is refused
            raise UnstableError(
                f"{self.name}: expected a network whose probabilities float32 holds to within "
                f"{LARGEST_OWN_ERROR:g}, found that torch's own are {error:.2g} from those of "
                "float64; train it with a lower --learning-rate or fewer layers"
            )

    def allowed(self, output: str) -> float:
        """Return the largest error that an engine may make in that output."""
        steepness = STEEP if output == UNUSUAL else 1.0
        return MULTIPLE * steepness * max(self.own_error[output], FLOOR)

    def errors(self, found: Answers, way: str) -> dict[str, float]:
        """Return the largest error of each output; one that is too large raises the refusal.

        `found` are the answers to the first rows, as many as it has; `way` says how, as in
        "onnxruntime, batches of 7".
        """
        errors = {}
        for name in OUTPUTS:
            count = len(found[name])
            difference = np.abs(found[name] - self.exact[name][:count])
            errors[name] = float((difference / self.scale[:count]).max())
            if not errors[name] <= self.allowed(name):
                raise self.refusal(
                    f"{name}: expected float64's numbers to within {self.allowed(name):.1e}, "
                    f"{MULTIPLE:g} times float32's own error, found {errors[name]:.1e} on "
                    f"{self.name} by {way}"
                )
        return errors
