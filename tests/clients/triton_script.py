"""Call Triton's HTTP client, `http` or with asyncio `aio`; print what it returned."""

import asyncio
import sys
from pathlib import Path
from typing import Any

from tritonclient import http  # type: ignore[import-not-found]  # not in the tests' environment
from tritonclient.http import aio  # type: ignore[import-not-found]
from tritonclient.utils import InferenceServerException  # type: ignore[import-not-found]

from tests.clients.report import (
    CONCURRENT,
    FORMS,
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


def tensor_input(values: FloatArray, name: str = "input", *, binary: bool = True) -> Any:
    described = http.InferInput(name, list(values.shape), "FP32")
    return described.set_data_from_numpy(values, binary_data=binary)


def outputs(*names: str, binary: bool = True, classes: int = 0) -> list[Any]:
    return [http.InferRequestedOutput(n, binary_data=binary, class_count=classes) for n in names]


def report_of(result: Any) -> Report:
    """Report the id of a response, its outputs in order and which of them were binary."""
    response = result.get_response()
    return {
        "id": response.get("id"),
        "outputs": {
            o["name"]: encode_tensor(result.as_numpy(o["name"])) for o in response["outputs"]
        },
        "binary": ["data" not in output for output in response["outputs"]],
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

    async def forms(self) -> Report:
        """Send and receive both forms."""
        reports = {}
        for request_form, binary in FORMS.items():
            rows = tensor_input(self.samples.rows, binary=binary)
            for response_form, binary_response in FORMS.items():
                wanted = outputs(*OUTPUTS, binary=binary_response)
                reports[f"{request_form} {response_form}"] = report_of(
                    await self.infer(rows, outputs=wanted)
                )
        return reports

    async def scaled(self) -> Report:
        one, many = self.samples.one_scale, self.samples.scales
        scales = {
            "one": tensor_input(one, "gate_scale"),
            "many": tensor_input(many, "gate_scale"),
            "JSON": tensor_input(many, "gate_scale", binary=False),
        }
        return {
            name: report_of(await self.infer(self.rows, scale)) for name, scale in scales.items()
        }

    async def variations(self) -> Report:
        """Send requests that must all get the same response."""
        return {
            "default outputs": report_of(await self.infer()),
            "version": report_of(await self.infer(model_version="1")),
            "time enough": report_of(await self.infer(timeout=60_000_000)),
            "compression allowed": report_of(
                await self.infer(response_compression_algorithm="gzip")
            ),
            "unknown parameters": report_of(
                await self.infer(priority=1, parameters={"colour": "red"})
            ),
            "a query": report_of(await self.infer(query_params={"colour": "red"})),
            "an id": report_of(await self.infer(request_id="Frage 7, für Ä")),
        }

    async def classes(self) -> Report:
        reports = {}
        for form, binary in FORMS.items():
            wanted = outputs("probabilities", binary=binary, classes=3)
            array = (await self.infer(outputs=wanted)).as_numpy("probabilities")
            # In binary the client returns bytes, as it does with Triton.
            reports[form] = [[t.decode() if binary else t for t in row] for row in array.tolist()]
        return reports

    async def errors(self) -> dict[str, str]:
        narrow = tensor_input(self.samples.rows[:, :100])
        return {
            "shape": await self.error_of(narrow),
            "model": await self.error_of(model="letters"),
            "version": await self.error_of(model_version="2"),
            "output": await self.error_of(outputs=outputs("cats")),
            "late": await self.error_of(timeout=1),
            "gzip": await self.error_of(request_compression_algorithm="gzip"),
            "deflate": await self.error_of(request_compression_algorithm="deflate"),
            "load": await self.error_of_call("load_model", MODEL),
            "unload": await self.error_of_call("unload_model", MODEL),
            "config": await self.error_of_call("get_model_config", MODEL),
            "trace": await self.error_of_call("get_trace_settings"),
            "metadata": await self.error_of_call("get_model_metadata", "letters"),
            "statistics": await self.error_of_call("get_inference_statistics", "letters"),
        }

    async def statistics(self) -> list[Report]:
        """Get them before and after two responses of three rows each and one error."""
        before = await awaited(self.client.get_inference_statistics(MODEL))
        await self.infer()
        await self.infer()
        await self.error_of(outputs=outputs("cats"))
        after = await awaited(self.client.get_inference_statistics())
        return [before, after]

    async def concurrent(self) -> list[Report]:
        """Send 50 requests of one row before any response is received."""
        rows = [tensor_input(row[None]) for row in self.samples.many]
        if isinstance(self.client, aio.InferenceServerClient):
            calls = [self.infer(row, request_id=f"row {i}") for i, row in enumerate(rows)]
            return [report_of(result) for result in await asyncio.gather(*calls)]
        handles = [
            self.client.async_infer(MODEL, [row], request_id=f"row {i}")
            for i, row in enumerate(rows)
        ]
        return [report_of(handle.get_result()) for handle in handles]

    async def run(self) -> Report:
        client = self.client
        return {
            "health": await self.health(),
            "server": await awaited(client.get_server_metadata()),
            "model": await awaited(client.get_model_metadata(MODEL)),
            "index": await awaited(client.get_model_repository_index()),
            "forms": await self.forms(),
            "subset": report_of(await self.infer(outputs=outputs("gate_units", "probabilities"))),
            "scaled": await self.scaled(),
            "variations": await self.variations(),
            "classes": await self.classes(),
            "errors": await self.errors(),
            "statistics": await self.statistics(),
            "concurrent": await self.concurrent(),
        }


async def main(kind: str, address: str, samples: Samples) -> None:
    if kind == "http":
        with http.InferenceServerClient(address, concurrency=CONCURRENT) as client:
            write_report(await Session(client, samples).run())
    else:
        async with aio.InferenceServerClient(address) as client:
            write_report(await Session(client, samples).run())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], Samples(Path(sys.argv[3]))))
