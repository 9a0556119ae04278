"""Why a file is refused; each message is one sentence.

ExportError
├── VerificationError      what was built is not what was trained
│   ├── StructureError     the graph is not a sound ONNX model of ours
│   │   ├── OperatorError  it computes with an operator that no highway network needs
│   │   ├── TensorError    its inputs or outputs are not the contract's
│   │   ├── WeightError    a weight is not finite, not used, or not in the file
│   │   └── TraceError     it tells of the machine that wrote it
│   ├── AnswerError        its answers are impossible, whatever the weights
│   │   ├── BatchError     a row's answer depends on the rows beside it
│   │   └── GateScaleError `gate_scale` does something else than scaling gates
│   ├── NumericsError      its numbers differ from torch's
│   ├── UnstableError      the network itself is beyond float32, so nothing can be shown
│   ├── LabelError         it names another label than torch does
│   ├── MetadataError      what it says of itself is not what the run says
│   └── QuantisationError  whole numbers change too many labels
├── PlainNetworkError      the network has no gates
├── OutputError            the file cannot be written where it should go
└── SigningError           a key cannot sign, or a signature cannot be written
"""


class ExportError(ValueError):
    """Base of all errors of this package."""


class VerificationError(ExportError):
    """What was built is not what was trained."""


class StructureError(VerificationError):
    """The graph is not a sound ONNX model of ours."""


class OperatorError(StructureError):
    """The graph computes with an operator that no highway network needs."""


class TensorError(StructureError):
    """The graph's inputs or outputs are not the contract's."""


class WeightError(StructureError):
    """A weight is not finite, not used, or not in the file."""


class TraceError(StructureError):
    """The graph tells of the machine or the source that wrote it."""


class AnswerError(VerificationError):
    """The model's answers are impossible, whatever its weights."""


class BatchError(AnswerError):
    """A row's answer depends on the rows beside it."""


class GateScaleError(AnswerError):
    """`gate_scale` does something else than scaling the gates where they mix."""


class NumericsError(VerificationError):
    """The model's numbers differ from torch's by more than float32 can explain."""


class UnstableError(VerificationError):
    """The network itself is beyond float32: torch's own numbers are no yardstick."""


class LabelError(VerificationError):
    """The model names another label than torch does, where rounding cannot be the reason."""


class MetadataError(VerificationError):
    """What the file says of itself is not what the run says."""


class QuantisationError(VerificationError):
    """Whole numbers of 8 bits change the labels of too many rows."""


class PlainNetworkError(ExportError):
    """The network has no gates, so there is nothing that this project's service would add."""


class OutputError(ExportError):
    """The file cannot be written where it should go."""


class SigningError(ExportError):
    """A private key cannot sign, or a signature cannot be written."""
