"""The messages are those of Triton's client, and the compiled file is that of the source."""

import subprocess
from pathlib import Path
from typing import Any

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorSet

from service.grpc.messages import DESCRIPTOR
from tests.conftest import ROOT

PYTHON = ROOT / ".venv-clients" / "bin" / "python"
# On the wire, bytes are what a message is.
AS_BYTES = {("ModelInferRequest.InferInputTensor", "contents")}

SCRIPT = """
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from tritonclient.grpc import service_pb2
file = FileDescriptorProto()
service_pb2.DESCRIPTOR.CopyToProto(file)
print(file.SerializeToString().hex())
"""


def run(*arguments: str | Path) -> str:
    """Run Python in the environment of the clients."""
    assert PYTHON.exists(), "the environment .venv-clients is missing; run `make test`"
    return subprocess.run(
        [PYTHON, *map(str, arguments)], capture_output=True, text=True, check=True
    ).stdout


def fields_of(messages: Any, prefix: str = "") -> dict[tuple[str, str], tuple[int, int, int, str]]:
    """Return number, label, type and name of the type of each field of messages."""
    found = {}
    for message in messages:
        name = f"{prefix}{message.name}"
        for field in message.field:
            described = (field.number, field.label, field.type, field.type_name)
            found[name, field.name] = described
        found |= fields_of(message.nested_type, f"{name}.")
    return found


def test_names_numbers_and_types_are_those_of_tritons_client() -> None:
    (ours,) = FileDescriptorSet.FromString(DESCRIPTOR.read_bytes()).file
    theirs = type(ours).FromString(bytes.fromhex(run("-c", SCRIPT)))
    known = fields_of(theirs.message_type)
    for key, described in fields_of(ours.message_type).items():
        if key in AS_BYTES:
            assert described[:3] == (*known[key][:2], FieldDescriptorProto.TYPE_BYTES)
        else:
            assert described == known[key], key
    methods = {m.name: (m.input_type, m.output_type) for m in theirs.service[0].method}
    for method in ours.service[0].method:
        assert methods[method.name] == (method.input_type, method.output_type)
    assert (ours.package, ours.service[0].name) == (theirs.package, theirs.service[0].name)


def test_the_compiled_file_is_that_of_the_source(tmp_path: Path) -> None:
    compiled = tmp_path / "compiled"
    source = DESCRIPTOR.with_suffix(".proto")
    run(
        *("-m", "grpc_tools.protoc", f"-I{source.parent}"),
        *(f"--descriptor_set_out={compiled}", source),
    )
    assert compiled.read_bytes() == DESCRIPTOR.read_bytes(), "run `make proto`"
