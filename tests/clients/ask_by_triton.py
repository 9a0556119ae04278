"""Ask all that Triton's HTTP client can: `http` is the one without, `aio` the one with asyncio."""

import asyncio
import sys
from pathlib import Path
from typing import Any

from tritonclient import http  # type: ignore[import-not-found]  # not in the tests' environment
from tritonclient.http import aio  # type: ignore[import-not-found]
from tritonclient.utils import InferenceServerException  # type: ignore[import-not-found]

from tests.clients.telling import (
    AT_ONCE,
    FORMS,
    MODEL,
    OUTPUTS,
    FloatArray,
    Questions,
    Told,
    bits,
    refusal,
    settled,
    tell,
)


def tensor_input(values: FloatArray, name: str = "input", *, binary: bool = True) -> Any:
    described = http.InferInput(name, list(values.shape), "FP32")
    return described.set_data_from_numpy(values, binary_data=binary)


def outputs(*names: str, binary: bool = True, classes: int = 0) -> list[Any]:
    return [http.InferRequestedOutput(n, binary_data=binary, class_count=classes) for n in names]


def told(result: Any) -> Told:
    """Tell an answer: its id, its outputs in their order and which of them were binary."""
    answer = result.get_response()
    return {
        "id": answer.get("id"),
        "outputs": {o["name"]: bits(result.as_numpy(o["name"])) for o in answer["outputs"]},
        "binary": ["data" not in output for output in answer["outputs"]],
    }


class Asking:
    """One client and what it is asked for."""

    def __init__(self, client: Any, questions: Questions) -> None:
        self.client = client
        self.questions = questions
        self.rows = tensor_input(questions.rows)

    async def infer(self, *inputs: Any, model: str = MODEL, **more: Any) -> Any:
        return await settled(self.client.infer(model, list(inputs) or [self.rows], **more))

    async def refused(self, *inputs: Any, **more: Any) -> str:
        return await refusal(self.infer(*inputs, **more), InferenceServerException)

    async def unserved(self, method: str, *arguments: str) -> str:
        async def ask() -> Any:
            return await settled(getattr(self.client, method)(*arguments))

        return await refusal(ask(), InferenceServerException)

    async def health(self) -> dict[str, bool]:
        client = self.client
        return {
            "live": await settled(client.is_server_live()),
            "ready": await settled(client.is_server_ready()),
            "model": await settled(client.is_model_ready(MODEL)),
            "version": await settled(client.is_model_ready(MODEL, "1")),
            "another version": await settled(client.is_model_ready(MODEL, "2")),
            "another model": await settled(client.is_model_ready("letters")),
        }

    async def forms(self) -> Told:
        """Ask and be answered in both forms."""
        answers = {}
        for asked, binary in FORMS.items():
            rows = tensor_input(self.questions.rows, binary=binary)
            for answered, binary_too in FORMS.items():
                wanted = outputs(*OUTPUTS, binary=binary_too)
                answers[f"{asked} {answered}"] = told(await self.infer(rows, outputs=wanted))
        return answers

    async def scaled(self) -> Told:
        one, each = self.questions.one_scale, self.questions.scales
        scales = {
            "one": tensor_input(one, "gate_scale"),
            "each": tensor_input(each, "gate_scale"),
            "JSON": tensor_input(each, "gate_scale", binary=False),
        }
        return {name: told(await self.infer(self.rows, scale)) for name, scale in scales.items()}

    async def variations(self) -> Told:
        """Ask the same in ways that must not change the answer."""
        return {
            "default outputs": told(await self.infer()),
            "version": told(await self.infer(model_version="1")),
            "time enough": told(await self.infer(timeout=60_000_000)),
            "compression allowed": told(await self.infer(response_compression_algorithm="gzip")),
            "unknown parameters": told(await self.infer(priority=1, parameters={"colour": "red"})),
            "a query": told(await self.infer(query_params={"colour": "red"})),
            "an id": told(await self.infer(request_id="Frage 7, für Ä")),
        }

    async def classes(self) -> Told:
        answers = {}
        for form, binary in FORMS.items():
            wanted = outputs("probabilities", binary=binary, classes=3)
            array = (await self.infer(outputs=wanted)).as_numpy("probabilities")
            # In binary the client gives bytes, as it does for Triton's own answers.
            answers[form] = [[t.decode() if binary else t for t in row] for row in array.tolist()]
        return answers

    async def refusals(self) -> dict[str, str]:
        narrow = tensor_input(self.questions.rows[:, :100])
        return {
            "shape": await self.refused(narrow),
            "model": await self.refused(model="letters"),
            "version": await self.refused(model_version="2"),
            "output": await self.refused(outputs=outputs("cats")),
            "late": await self.refused(timeout=1),
            "gzip": await self.refused(request_compression_algorithm="gzip"),
            "deflate": await self.refused(request_compression_algorithm="deflate"),
            "load": await self.unserved("load_model", MODEL),
            "unload": await self.unserved("unload_model", MODEL),
            "config": await self.unserved("get_model_config", MODEL),
            "trace": await self.unserved("get_trace_settings"),
            "metadata": await self.unserved("get_model_metadata", "letters"),
            "statistics": await self.unserved("get_inference_statistics", "letters"),
        }

    async def statistics(self) -> list[Told]:
        """Ask for them around two answers of three rows each and one refusal."""
        before = await settled(self.client.get_inference_statistics(MODEL))
        await self.infer()
        await self.infer()
        await self.refused(outputs=outputs("cats"))
        after = await settled(self.client.get_inference_statistics())
        return [before, after]

    async def at_once(self) -> list[Told]:
        """Ask 50 rows, one in each request, before any of them is answered."""
        rows = [tensor_input(row[None]) for row in self.questions.many]
        if isinstance(self.client, aio.InferenceServerClient):
            asked = [self.infer(row, request_id=f"row {i}") for i, row in enumerate(rows)]
            return [told(result) for result in await asyncio.gather(*asked)]
        handles = [
            self.client.async_infer(MODEL, [row], request_id=f"row {i}")
            for i, row in enumerate(rows)
        ]
        return [told(handle.get_result()) for handle in handles]

    async def everything(self) -> Told:
        client = self.client
        return {
            "health": await self.health(),
            "server": await settled(client.get_server_metadata()),
            "model": await settled(client.get_model_metadata(MODEL)),
            "index": await settled(client.get_model_repository_index()),
            "forms": await self.forms(),
            "subset": told(await self.infer(outputs=outputs("gate_units", "probabilities"))),
            "scaled": await self.scaled(),
            "variations": await self.variations(),
            "classes": await self.classes(),
            "refusals": await self.refusals(),
            "statistics": await self.statistics(),
            "at once": await self.at_once(),
        }


async def main(kind: str, address: str, questions: Questions) -> None:
    if kind == "http":
        with http.InferenceServerClient(address, concurrency=AT_ONCE) as client:
            tell(await Asking(client, questions).everything())
    else:
        async with aio.InferenceServerClient(address) as client:
            tell(await Asking(client, questions).everything())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], Questions(Path(sys.argv[3]))))
