"""A mosec service: one worker with mosec's dynamic batching, and the protocol's JSON.

    MODEL=FILE python mosec_service.py --address 127.0.0.1 --port PORT

It runs in an environment of its own, without this project's packages.
"""

import os
from typing import Any

import numpy as np
import onnxruntime
import orjson
from mosec import Server, ValidationError, Worker

PATH = "/v2/models/model/infer"
MAX_BATCH_ROWS = 64
WAIT_MS = 1  # for a batch to fill; 0 would mean mosec's default of 10


class Inference(Worker):  # type: ignore[misc] # mosec is not installed where types are checked
    """Decodes the requests of a batch, computes them together, and encodes the outputs."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3  # without the advice on the overridable input
        self._session = onnxruntime.InferenceSession(os.environ["MODEL"], options)
        (self._input,) = self._session.get_inputs()
        self._names = [output.name for output in self._session.get_outputs()]

    def deserialize(self, data: bytes) -> tuple[Any, list[str]]:
        """Return the rows (rows, features) and the names of the requested outputs."""
        try:
            request = orjson.loads(data)
            (tensor,) = request["inputs"]
            rows = np.array(tensor["data"], np.float32).reshape(tensor["shape"])
            outputs = request.get("outputs")
            names = self._names if outputs is None else [output["name"] for output in outputs]
        except (KeyError, TypeError, ValueError) as error:
            raise ValidationError(f"expected an inference request: {error}") from error
        if tensor["name"] != self._input.name or rows.shape[1:] != (self._input.shape[1],):
            raise ValidationError(f"expected the input {self._input.name!r} of the model's shape")
        if not set(names) <= set(self._names):
            raise ValidationError(f"expected outputs among {self._names}")
        return rows, names

    def forward(self, data: list[tuple[Any, list[str]]]) -> list[dict[str, Any]]:
        """Compute a batch."""
        rows = np.concatenate([rows for rows, _ in data]) if len(data) > 1 else data[0][0]
        names = list(dict.fromkeys(name for _, names in data for name in names))
        computed = self._session.run(names, {self._input.name: rows})
        outputs = dict(zip(names, computed, strict=True))
        responses, start = [], 0
        for part, requested in data:
            end = start + len(part)
            responses.append({name: outputs[name][start:end] for name in requested})
            start = end
        return responses

    def serialize(self, data: dict[str, Any]) -> bytes:
        """Encode the outputs of one request."""
        tensors = [
            {"name": name, "datatype": "FP32", "shape": output.shape, "data": output.ravel()}
            for name, output in data.items()
        ]
        document = {"model_name": "model", "model_version": "1", "outputs": tensors}
        return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)


if __name__ == "__main__":
    server = Server()
    server.append_worker(
        Inference, max_batch_size=MAX_BATCH_ROWS, max_wait_time=WAIT_MS, route=PATH
    )
    server.run()
