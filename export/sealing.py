"""A graph, what it says of itself, and the digest that shows whether either was changed since."""

import re
from dataclasses import replace
from typing import Any

import onnx
from onnx import helper

from export.errors import OutputError
from service.artifact import digest
from service.contract import DIGEST_LENGTH, Metadata

NO_DIGEST = "0" * DIGEST_LENGTH


def describe_model(model: onnx.ModelProto, metadata: Metadata) -> None:
    """Write what any ONNX tool shows: the model's version and a few sentences on what it is."""
    model.model_version = model_version(metadata.version)
    labels, row = metadata.labels, metadata.input
    model.doc_string = (
        f"{metadata.name}, version {metadata.version}: a highway network of "
        f"{len(metadata.layers)} highway layers that tells {len(labels)} labels apart, from "
        f"{row.kind}s of {'×'.join(map(str, row.shape))} values ({row.unit}). "
        "Each layer mixes what it computes with what it was given, y = T·H(x) + (1 − T)·x; "
        "gate_mean is how open each layer's gates T were, gate_units tells them one by one, and "
        "gate_scale multiplies them: 0 closes a layer."
    )


def model_version(text: str) -> int:
    """Return a version as ONNX stores one: a whole number, or three packed by its Versioning page.

    Of a version in any other form ONNX can say nothing, which is 0; the metadata holds it.
    """
    if re.fullmatch(r"\d{1,9}", text):
        return int(text)
    if re.fullmatch(r"\d{1,4}\.\d{1,4}\.\d{1,9}", text):
        major, minor, patch = (int(part) for part in text.split("."))
        return major << 48 | minor << 32 | patch
    return 0


def sealed(model: onnx.ModelProto, metadata: Metadata, record: dict[str, Any]) -> bytes:
    """Serialise with metadata, its verification record holding the digest of these very bytes."""
    verification = {"digest": NO_DIGEST, **record}
    helper.set_model_props(model, replace(metadata, verification=verification).to_props())
    content: bytes = model.SerializeToString(deterministic=True)
    if content.count(NO_DIGEST.encode()) != 1:
        raise OutputError(
            f"expected {DIGEST_LENGTH} zeros in the digest's place alone, found more; choose "
            "another --name"
        )
    return content.replace(NO_DIGEST.encode(), digest(content, NO_DIGEST).encode())
