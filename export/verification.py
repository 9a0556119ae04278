"""All checks of a file, in their order; nothing here swallows a failure."""

from dataclasses import replace

import onnx

from export.comparison import compare_with_torch
from export.errors import MetadataError
from export.graph import ServedNetwork
from export.metadata import describe
from export.report import Report
from export.standalone import Told, verify_alone
from models.run import Run
from service.contract import Metadata, precision

OTHER_MACHINE = 5e-4  # of the accuracy


def verify_against_run(content: bytes, run: Run, told: Told) -> Report:
    """Check a file's bytes by themselves, then against the network and the data of `run`."""
    metadata = verify_alone(content, told)
    if precision(metadata) != "float32":
        raise MetadataError(
            "expected a file in float32 to compare with torch number by number, found "
            f"{precision(metadata)}; export the run again, which "
            "compares the two"
        )
    check_metadata(metadata, run)
    return compare_with_torch(
        ServedNetwork(run.network(), run.unusualness()),
        onnx.load_from_string(content),
        content,
        run.dataset().test,
        told,
    )


def check_accuracy(report: Report, run: Run) -> None:
    """Refuse a run whose weights do not reach the test accuracy that it recorded."""
    recorded, found = run.metrics()[-1].get("test_accuracy"), report.labels.torch_accuracy
    # Another machine's training may have rounded a few rows the other way.
    allowed = OTHER_MACHINE + (len(report.labels.ties) + 2) / report.test_rows
    if recorded is None or abs(recorded - found) > allowed:
        raise MetadataError(
            f"{run.path}: expected weights of the test accuracy that it recorded, {recorded}, "
            f"found {found:.4f}; they are not those of that training, so train again"
        )


def check_metadata(metadata: Metadata, run: Run) -> None:
    """Refuse a file that says other things than its run; the name and the version are free."""
    expected = describe(run, name=metadata.name, version=metadata.version).to_props()
    found = replace(metadata, verification={}).to_props()
    for key, value in expected.items():
        if found[key] != value:
            raise MetadataError(
                f"metadata '{key}': expected what {run.path} says, found something else; "
                "export the run again"
            )
