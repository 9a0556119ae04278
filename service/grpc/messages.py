"""The classes of the protocol's messages, made from the compiled `inference.proto`.

The compiled descriptor, unlike generated Python, works with every release of protobuf. The pool is
our own: Triton's client registers the same names in the default one.
"""

from pathlib import Path
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

DESCRIPTOR = Path(__file__).with_name("inference.binpb")
SERVICE = "inference.GRPCInferenceService"


def _load() -> DescriptorPool:
    pool = DescriptorPool()
    for file in FileDescriptorSet.FromString(DESCRIPTOR.read_bytes()).file:
        pool.Add(file)
    return pool


_pool = _load()


def message_class(name: str) -> Any:
    """Return the class of a message of the protocol."""
    return GetMessageClass(_pool.FindMessageTypeByName(f"inference.{name}"))


def request_class(method: str) -> Any:
    """Return the class of a method's requests."""
    return GetMessageClass(_pool.FindServiceByName(SERVICE).FindMethodByName(method).input_type)


def response_class(method: str) -> Any:
    """Return the class of a method's responses."""
    return GetMessageClass(_pool.FindServiceByName(SERVICE).FindMethodByName(method).output_type)


ModelInferRequest = message_class("ModelInferRequest")
ModelInferResponse = message_class("ModelInferResponse")
