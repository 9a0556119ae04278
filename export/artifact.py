"""From run directory to artifact: build, verify, and only then give it its name."""

import os
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper

from export.errors import OutputError, PlainNetworkError
from export.graph import build_graph
from export.metadata import describe, golden_rows
from export.verification import (
    Report,
    check_answers,
    check_structure,
    compare_with_torch,
)
from models.run import Run
from service.classifier import Classifier
from service.contract import DIGEST_LENGTH, INPUT, Metadata, digest

NO_DIGEST = "0" * DIGEST_LENGTH


def export(run: Run, path: Path, *, name: str | None, version: str) -> Report:
    """Write the run's network to `path`, verified; on any error `path` is as it was before."""
    if path.is_dir():
        raise OutputError(f"{path}: expected the name of a file to write, found a directory")
    if not path.parent.is_dir():
        raise OutputError(f"{path}: expected an existing folder {path.parent}, found none")
    if not run.config().network.highway_blocks:
        raise PlainNetworkError(
            f"{run.path}: expected a network with highway layers, found a plain one; it has no "
            "gates to serve"
        )
    metadata = describe(run, name=name, version=version)
    network = run.network()
    model = build_graph(network)
    record: dict[str, Any] = {"golden": golden_rows(network, run.dataset())}
    report = verify_against_run(sealed(model, metadata, record), run)
    _place(sealed(model, metadata, {"report": asdict(report), **record}), path)
    return report


def verify_alone(content: bytes) -> Classifier:
    """Check an artifact's bytes alone: structure, contract, digest, golden rows, answers."""
    classifier = Classifier(content)
    check_structure(content)
    rows = np.asarray(classifier.metadata.verification["golden"][INPUT], np.float32)
    check_answers(classifier, rows)
    return classifier


def verify_against_run(content: bytes, run: Run) -> Report:
    """Check an artifact's bytes by themselves, then against the network of `run` on test rows."""
    classifier = verify_alone(content)
    rows = run.dataset().test.x
    check_answers(classifier, rows)
    return compare_with_torch(run.network(), classifier, rows)


def sealed(model: onnx.ModelProto, metadata: Metadata, record: dict[str, Any]) -> bytes:
    """Serialise with metadata, its verification record holding the digest of these very bytes."""
    verification = {"digest": NO_DIGEST, **record}
    helper.set_model_props(model, replace(metadata, verification=verification).to_props())
    content: bytes = model.SerializeToString(deterministic=True)
    if content.count(NO_DIGEST.encode()) != 1:
        raise AssertionError("the digest's place in the file is not unique")
    return content.replace(NO_DIGEST.encode(), digest(content, NO_DIGEST).encode())


def _place(content: bytes, path: Path) -> None:
    """Write beside the final name, load it as the service will, then move it into place."""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error
    beside = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Classifier.load(beside)
        beside.chmod(0o644)  # mkstemp's files are for their owner alone
        os.replace(beside, path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        beside.unlink(missing_ok=True)
