"""Call KServe's REST client with both of its protocols; print what it returned."""

import asyncio
import sys
from pathlib import Path
from typing import Any

from httpx import HTTPStatusError  # type: ignore[import-not-found]  # not in the tests' environment
from kserve import (  # type: ignore[import-not-found]
    InferenceRESTClient,
    InferInput,
    InferRequest,
    RESTConfig,
)
from kserve.protocol.infer_type import RequestedOutput  # type: ignore[import-not-found]

from tests.clients.report import (
    FORMS,
    MODEL,
    OUTPUTS,
    FloatArray,
    Report,
    Samples,
    encode_tensor,
    error_message,
    write_report,
)


def tensor_input(values: FloatArray, name: str = "input", *, binary: bool = True) -> Any:
    described = InferInput(name, list(values.shape), "FP32")
    described.set_data_from_numpy(values, binary_data=binary)
    return described


def outputs(*names: str, **parameters: Any) -> list[Any]:
    return [RequestedOutput(name, dict(parameters)) for name in names]


def report_of(response: Any) -> Report:
    """Report the id of a response, its outputs in order and which of them were binary."""
    return {
        "id": response.id,
        "outputs": {output.name: encode_tensor(output.as_numpy()) for output in response.outputs},
        # The client takes away the size when it has read a binary tensor, and leaves {} or {...}.
        "binary": [output.parameters is not None for output in response.outputs],
    }


class Session:
    """The clients of both protocols, and the calls."""

    def __init__(self, url: str, v1: Any, v2: Any, samples: Samples) -> None:
        self.url = url
        self.v1 = v1
        self.v2 = v2
        self.rows = samples.rows
        self.scales = samples.scales

    async def infer(self, *inputs: Any, model: str = MODEL, **more: Any) -> Any:
        tensors = list(inputs) or [tensor_input(self.rows)]
        return await self.v2.infer(self.url, InferRequest(model, tensors, **more), model)

    async def health(self) -> dict[str, bool]:
        return {
            "live": await self.v2.is_server_live(self.url),
            "ready": await self.v2.is_server_ready(self.url),
            "model": await self.v2.is_model_ready(self.url, MODEL),
            "another model": await self.v2.is_model_ready(self.url, "letters"),
            "model by V1": await self.v1.is_model_ready(self.url, MODEL),
        }

    async def forms(self) -> Report:
        """Send and receive both forms."""
        reports = {}
        for request_form, binary in FORMS.items():
            for response_form, binary_response in FORMS.items():
                rows = tensor_input(self.rows, binary=binary)
                wanted = outputs(*OUTPUTS, binary_data=binary_response)
                response = await self.infer(rows, request_outputs=wanted)
                reports[f"{request_form} {response_form}"] = report_of(response)
        return reports

    async def variations(self) -> Report:
        scale = tensor_input(self.scales, "gate_scale")
        plain = {
            "inputs": [
                {
                    "name": "input",
                    "shape": list(self.rows.shape),
                    "datatype": "FP32",
                    "data": self.rows.tolist(),
                }
            ]
        }
        return {
            "default outputs": report_of(await self.infer()),
            "all in binary": report_of(await self.infer(parameters={"binary_data_output": True})),
            "subset": report_of(
                await self.infer(request_outputs=outputs("gate_units", "probabilities"))
            ),
            "scaled": report_of(await self.infer(tensor_input(self.rows), scale)),
            "an id": report_of(await self.infer(request_id="Frage 7, für Ä")),
            "a plain dict": report_of(await self.v2.infer(self.url, plain, MODEL)),
        }

    async def classes(self) -> list[str]:
        wanted = outputs("probabilities", classification=2)
        response = await self.infer(request_outputs=wanted)
        classes: list[str] = response.outputs[0].data
        return classes

    async def errors(self) -> dict[str, str]:
        instances = {"instances": self.rows.tolist()}
        calls = {
            "shape": self.infer(tensor_input(self.rows[:, :100])),
            "model": self.infer(model="letters"),
            "predict another model": self.v1.infer(self.url, instances, "letters"),
            "predict nothing": self.v1.infer(self.url, {"instances": []}, MODEL),
            "another model by V1": self.v1.is_model_ready(self.url, "letters"),
        }
        return {name: await error_message(call, HTTPStatusError) for name, call in calls.items()}

    async def run(self) -> Report:
        return {
            "health": await self.health(),
            "forms": await self.forms(),
            "variations": await self.variations(),
            "classes": await self.classes(),
            "predictions": await self.v1.infer(self.url, {"instances": self.rows.tolist()}, MODEL),
            "errors": await self.errors(),
        }


async def main(address: str, samples: Samples) -> None:
    v1, v2 = RESTConfig(protocol="v1"), RESTConfig(protocol="v2")
    async with InferenceRESTClient(v1) as one, InferenceRESTClient(v2) as two:
        write_report(await Session(f"http://{address}", one, two, samples).run())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Samples(Path(sys.argv[2]))))
