"""The model of Triton's Python back end: onnxruntime on a batch of requests.

Triton imports this file in a process of its own, with the packages of the folder `SITE`.
"""

import os
import sys
from typing import Any

sys.path.insert(0, os.environ["SITE"])

import numpy as np
import onnxruntime
import triton_python_backend_utils as triton

INPUT = "input"


class TritonPythonModel:
    """The class that Triton looks for."""

    def initialize(self, _arguments: dict[str, str]) -> None:
        """Load the file."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3  # without the advice on the overridable input
        self._session = onnxruntime.InferenceSession(os.environ["MODEL"], options)

    def execute(self, requests: list[Any]) -> list[Any]:
        """Compute the requests that Triton has batched, each (rows, features), together."""
        inputs = [triton.get_input_tensor_by_name(r, INPUT).as_numpy() for r in requests]
        names = sorted({name for request in requests for name in request.requested_output_names()})
        rows = np.concatenate(inputs) if len(inputs) > 1 else inputs[0]
        computed = dict(zip(names, self._session.run(names, {INPUT: rows}), strict=True))
        responses, start = [], 0
        for request, part in zip(requests, inputs, strict=True):
            end = start + len(part)
            tensors = [
                triton.Tensor(name, computed[name][start:end])
                for name in request.requested_output_names()
            ]
            responses.append(triton.InferenceResponse(tensors))
            start = end
        return responses
