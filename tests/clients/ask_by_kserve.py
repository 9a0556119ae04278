"""Ask all that KServe's client for REST can, by both of its protocols."""

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

from tests.clients.telling import (
    FORMS,
    MODEL,
    OUTPUTS,
    FloatArray,
    Questions,
    Told,
    bits,
    refusal,
    tell,
)


def tensor_input(values: FloatArray, name: str = "input", *, binary: bool = True) -> Any:
    described = InferInput(name, list(values.shape), "FP32")
    described.set_data_from_numpy(values, binary_data=binary)
    return described


def outputs(*names: str, **parameters: Any) -> list[Any]:
    return [RequestedOutput(name, dict(parameters)) for name in names]


def told(response: Any) -> Told:
    """Tell an answer: its id, its outputs in their order and which of them were binary."""
    return {
        "id": response.id,
        "outputs": {output.name: bits(output.as_numpy()) for output in response.outputs},
        # The client takes away the size when it has read a binary tensor, and leaves {} or {...}.
        "binary": [output.parameters is not None for output in response.outputs],
    }


class Asking:
    """Both clients and what they are asked for."""

    def __init__(self, url: str, v1: Any, v2: Any, questions: Questions) -> None:
        self.url = url
        self.v1 = v1
        self.v2 = v2
        self.rows = questions.rows
        self.scales = questions.scales

    async def infer(self, *inputs: Any, model: str = MODEL, **more: Any) -> Any:
        asked = list(inputs) or [tensor_input(self.rows)]
        return await self.v2.infer(self.url, InferRequest(model, asked, **more), model)

    async def health(self) -> dict[str, bool]:
        return {
            "live": await self.v2.is_server_live(self.url),
            "ready": await self.v2.is_server_ready(self.url),
            "model": await self.v2.is_model_ready(self.url, MODEL),
            "another model": await self.v2.is_model_ready(self.url, "letters"),
            "model by V1": await self.v1.is_model_ready(self.url, MODEL),
        }

    async def forms(self) -> Told:
        """Ask and be answered in both forms."""
        answers = {}
        for asked, binary in FORMS.items():
            for answered, binary_too in FORMS.items():
                rows = tensor_input(self.rows, binary=binary)
                wanted = outputs(*OUTPUTS, binary_data=binary_too)
                response = await self.infer(rows, request_outputs=wanted)
                answers[f"{asked} {answered}"] = told(response)
        return answers

    async def variations(self) -> Told:
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
            "default outputs": told(await self.infer()),
            "all in binary": told(await self.infer(parameters={"binary_data_output": True})),
            "subset": told(
                await self.infer(request_outputs=outputs("gate_units", "probabilities"))
            ),
            "scaled": told(await self.infer(tensor_input(self.rows), scale)),
            "an id": told(await self.infer(request_id="Frage 7, für Ä")),
            "a plain dict": told(await self.v2.infer(self.url, plain, MODEL)),
        }

    async def classes(self) -> list[str]:
        wanted = outputs("probabilities", classification=2)
        response = await self.infer(request_outputs=wanted)
        texts: list[str] = response.outputs[0].data
        return texts

    async def refusals(self) -> dict[str, str]:
        instances = {"instances": self.rows.tolist()}
        asked = {
            "shape": self.infer(tensor_input(self.rows[:, :100])),
            "model": self.infer(model="letters"),
            "predict another model": self.v1.infer(self.url, instances, "letters"),
            "predict nothing": self.v1.infer(self.url, {"instances": []}, MODEL),
            "another model by V1": self.v1.is_model_ready(self.url, "letters"),
        }
        return {name: await refusal(asking, HTTPStatusError) for name, asking in asked.items()}

    async def everything(self) -> Told:
        return {
            "health": await self.health(),
            "forms": await self.forms(),
            "variations": await self.variations(),
            "classes": await self.classes(),
            "predictions": await self.v1.infer(self.url, {"instances": self.rows.tolist()}, MODEL),
            "refusals": await self.refusals(),
        }


async def main(address: str, questions: Questions) -> None:
    v1, v2 = RESTConfig(protocol="v1"), RESTConfig(protocol="v2")
    async with InferenceRESTClient(v1) as one, InferenceRESTClient(v2) as two:
        tell(await Asking(f"http://{address}", one, two, questions).everything())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Questions(Path(sys.argv[2]))))
