"""Coverage-guided bytes for the decoders of request bodies and of model files, with atheris.

    python -m tests.reliability.fuzz_bodies TARGET [--seconds 60] [--runs N]

A target may raise the errors of an invalid request and nothing else. libFuzzer keeps the inputs
that reach new code. It starts from the corpus of the tests and from the inputs of earlier runs in
build/fuzz. An input that breaks a target is written there too, and the exit code is not 0.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["service"]):
    from service.contract import ContractError, Metadata
    from service.errors import RequestError
    from service.formats.explain import read_explain
    from service.formats.infer_request import InferReader
    from service.formats.outline import LongReadError, Steps
    from service.formats.predict import read_long_predict, read_predict
    from service.formats.what_if import read_what_if
    from service.graph_rules import check_graph
    from service.model_graph import read_graph

from tests.reliability.processes import ROOT
from tests.service.conftest import METADATA, TABLE, Recipe

Target = Callable[[bytes], None]

CORPUS = ROOT / "tests" / "service" / "http" / "corpus"
FOUND = ROOT / "build" / "fuzz"
MAX_ROWS = 5
INPUT_SECONDS = 5  # longer than any input of this size may take
MAX_INPUT_BYTES = 4096


def accepts(read: Callable[[bytes], object]) -> Target:
    """Return a target that allows what an invalid request or file may raise."""

    def target(data: bytes) -> None:
        with suppress(RequestError, ContractError):
            read(data)

    return target


def of_models(read: Callable[[bytes, Metadata], object]) -> Target:
    """Return a target that reads each body for an image and for a table."""
    image, table = (accepts(partial(_swapped, read, one)) for one in (METADATA, TABLE))

    def both(data: bytes) -> None:
        image(data)
        table(data)

    return both


def _swapped(read: Callable[[bytes, Metadata], object], metadata: Metadata, data: bytes) -> object:
    return read(data, metadata)


def read_body(body: bytes, metadata: Metadata) -> None:
    """Read a body of `/predict` as the server does: at once or, if that takes long, in steps."""
    try:
        read_predict(body, metadata, max_rows=MAX_ROWS)
    except LongReadError:
        _take(read_long_predict(body, metadata, max_rows=MAX_ROWS))


def read_infer(data: bytes) -> None:
    """Read an inference request; the first two bytes are the length of its JSON, 65535 for none."""
    number = int.from_bytes(data[:2], "big")
    body = data[2:]
    length = None if number == NO_LENGTH else min(number, len(body))
    for reader in READERS:
        try:
            reader.read(body, length)
        except LongReadError:
            _take(reader.read_long(body, length))


def read_model(data: bytes) -> None:
    """Check the structure of a model file."""
    check_graph(read_graph(data))


def _take(steps: Steps[object]) -> None:
    for _ in steps:
        pass


def planted(data: bytes) -> None:
    """Break on one sequence that chance alone does not find: the test of this tool."""
    if data[:1] == b"m" and data[1:2] == b"a" and data[2:3] == b"g":
        raise AssertionError("the planted crash")


READERS = [InferReader(metadata, max_rows=MAX_ROWS) for metadata in (METADATA, TABLE)]
NO_LENGTH = 65535
# The file that begins with a target's name is a part of its corpus.
TARGETS: dict[str, Target] = {
    "predict": of_models(read_body),
    "explain": of_models(read_explain),
    "what-if": of_models(read_what_if),
    "infer": accepts(read_infer),
    "model": accepts(read_model),
    "planted": planted,
}


def seeds(target: str) -> Iterator[bytes]:
    """Yield the bodies of the tests' corpus for this target, or a small model file."""
    if target == "model":
        yield Recipe().build()
    for path in sorted(CORPUS.glob(f"{target}[-@]*.body")):
        body = path.read_bytes()
        if target == "infer":
            _, _, length = path.stem.split("-")[0].partition("@")
            body = min(int(length or NO_LENGTH), NO_LENGTH).to_bytes(2, "big") + body
        if len(body) <= MAX_INPUT_BYTES:
            yield body


def corpus_folder(target: str) -> Path:
    """Write the seeds beside the inputs of earlier runs; return the folder."""
    folder = FOUND / target
    folder.mkdir(parents=True, exist_ok=True)
    for number, body in enumerate(seeds(target)):
        (folder / f"seed-{number}").write_bytes(body)
    return folder


def main() -> None:
    """Fuzz one target; libFuzzer ends the process."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.reliability.fuzz_bodies", description=__doc__
    )
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--runs", type=int, default=-1)
    options = parser.parse_args()
    target = TARGETS[options.target]
    if options.target == "planted":
        target = atheris.instrument_func(target)
    flags = [
        f"-max_total_time={options.seconds}",
        f"-runs={options.runs}",
        f"-timeout={INPUT_SECONDS}",
        f"-max_len={MAX_INPUT_BYTES}",
        f"-artifact_prefix={FOUND}/{options.target}-",
        "-print_final_stats=1",
        "-verbosity=0",
    ]
    atheris.Setup([sys.argv[0], *flags, str(corpus_folder(options.target))], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
