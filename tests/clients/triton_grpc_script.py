"""Call Triton's gRPC client, `grpc` or with asyncio `aio`; print what it returned."""

import asyncio
import sys
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict
from tritonclient import grpc  # type: ignore[import-not-found]  # not in the tests' environment
from tritonclient.grpc import aio  # type: ignore[import-not-found]
from tritonclient.utils import InferenceServerException  # type: ignore[import-not-found]

from tests.clients.report import (
    MODEL,
    OUTPUTS,
    FloatArray,
    Report,
    Samples,
    awaited,
    encode_tensor,
    error_message,
    write_report,
)


def tensor_input(values: FloatArray, name: str = "input") -> Any:
    described = grpc.InferInput(name, list(values.shape), "FP32")
    return described.set_data_from_numpy(values)


def outputs(*names: str, classes: int = 0) -> list[Any]:
    return [grpc.InferRequestedOutput(name, class_count=classes) for name in names]


def report_of(result: Any) -> Report:
    """Report the id of a response and its outputs in order."""
    response = result.get_response()
    return {
        "id": response.id,
        "model": [response.model_name, response.model_version],
        "outputs": {o.name: encode_tensor(result.as_numpy(o.name)) for o in response.outputs},
    }


class Session:
    """One client, and the calls."""

    def __init__(self, client: Any, samples: Samples) -> None:
        self.client = client
        self.samples = samples
        self.rows = tensor_input(samples.rows)

    async def infer(self, *inputs: Any, model: str = MODEL, **more: Any) -> Any:
        return await awaited(self.client.infer(model, list(inputs) or [self.rows], **more))

    async def error_of(self, *inputs: Any, **more: Any) -> str:
        return await error_message(self.infer(*inputs, **more), InferenceServerException)

    async def error_of_call(self, method: str, *arguments: str) -> str:
        async def call() -> Any:
            return await awaited(getattr(self.client, method)(*arguments))

        return await error_message(call(), InferenceServerException)

    async def health(self) -> dict[str, bool]:
        client = self.client
        return {
            "live": await awaited(client.is_server_live()),
            "ready": await awaited(client.is_server_ready()),
            "model": await awaited(client.is_model_ready(MODEL)),
            "version": await awaited(client.is_model_ready(MODEL, "1")),
            "another version": await awaited(client.is_model_ready(MODEL, "2")),
            "another model": await awaited(client.is_model_ready("letters")),
        }

    async def variations(self) -> Report:
        """Send requests that must all get the same response."""
        return {
            "default outputs": report_of(await self.infer()),
            "version": report_of(await self.infer(model_version="1")),
            "time enough": report_of(await self.infer(timeout=60_000_000, client_timeout=60)),
            "unknown parameters": report_of(
                await self.infer(priority=1, parameters={"colour": "red"})
            ),
            "an id": report_of(await self.infer(request_id="Frage 7, für Ä")),
        }

    async def classes(self) -> list[list[str]]:
        wanted = outputs("probabilities", classes=3)
        array = (await self.infer(outputs=wanted)).as_numpy("probabilities")
        return [[text.decode() for text in row] for row in array.tolist()]

    async def errors(self) -> dict[str, str]:
        return {
            "shape": await self.error_of(tensor_input(self.samples.rows[:, :100])),
            "model": await self.error_of(model="letters"),
            "version": await self.error_of(model_version="2"),
            "output": await self.error_of(outputs=outputs("cats")),
            "late": await self.error_of(timeout=1),
            "gzip": await self.error_of(compression_algorithm="gzip"),
            "load": await self.error_of_call("load_model", MODEL),
            "config": await self.error_of_call("get_model_config", MODEL),
            "metadata": await self.error_of_call("get_model_metadata", "letters"),
        }

    async def concurrent(self) -> list[Report]:
        """Send 50 requests of one row at the same time."""
        rows = [tensor_input(row[None]) for row in self.samples.many]
        if isinstance(self.client, aio.InferenceServerClient):
            calls = [self.infer(row, request_id=f"row {i}") for i, row in enumerate(rows)]
            return [report_of(result) for result in await asyncio.gather(*calls)]
        loop = asyncio.get_running_loop()
        futures = [loop.create_future() for _ in rows]

        def done(index: int, result: Any, error: Any) -> None:
            loop.call_soon_threadsafe(futures[index].set_result, result if error is None else error)

        for i, row in enumerate(rows):
            self.client.async_infer(
                MODEL,
                [row],
                lambda result, error, i=i: done(i, result, error),
                request_id=f"row {i}",
            )
        return [report_of(result) for result in await asyncio.gather(*futures)]

    async def run(self) -> Report:
        client = self.client
        scales = {"one": self.samples.one_scale, "many": self.samples.scales}
        return {
            "health": await self.health(),
            "server": MessageToDict(await awaited(client.get_server_metadata())),
            "model": MessageToDict(await awaited(client.get_model_metadata(MODEL))),
            "index": MessageToDict(await awaited(client.get_model_repository_index())),
            "subset": report_of(await self.infer(outputs=outputs("gate_units", "probabilities"))),
            "all": report_of(await self.infer(outputs=outputs(*OUTPUTS))),
            "scaled": {
                name: report_of(await self.infer(self.rows, tensor_input(scale, "gate_scale")))
                for name, scale in scales.items()
            },
            "variations": await self.variations(),
            "classes": await self.classes(),
            "errors": await self.errors(),
            "concurrent": await self.concurrent(),
            "statistics": MessageToDict(await awaited(client.get_inference_statistics(MODEL))),
        }


async def main(kind: str, address: str, samples: Samples) -> None:
    if kind == "grpc":
        with grpc.InferenceServerClient(address) as client:
            write_report(await Session(client, samples).run())
    else:
        async with aio.InferenceServerClient(address) as client:
            write_report(await Session(client, samples).run())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], Samples(Path(sys.argv[3]))))
