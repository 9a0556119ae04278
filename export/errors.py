"""Why a file is refused; each message is one sentence.

ExportError
├── VerificationError    what was built is not what was trained
│   ├── StructureError   the graph is not a sound ONNX model of ours
│   ├── AnswerError      its answers are impossible, whatever the weights
│   ├── NumericsError    its numbers differ from torch's
│   └── LabelError       it names another label than torch does
├── PlainNetworkError    the network has no gates
└── OutputError          the file cannot be written where it should go
"""


class ExportError(ValueError):
    """Base of all errors of this package."""


class VerificationError(ExportError):
    """What was built is not what was trained."""


class StructureError(VerificationError):
    """The graph is not a sound ONNX model of ours."""


class AnswerError(VerificationError):
    """The model's answers are impossible, whatever its weights."""


class NumericsError(VerificationError):
    """The model's numbers differ from torch's by more than float32 can explain."""


class LabelError(VerificationError):
    """The model names another label than torch does, where rounding cannot be the reason."""


class PlainNetworkError(ExportError):
    """The network has no gates, so there is nothing that this project's service would add."""


class OutputError(ExportError):
    """The file cannot be written where it should go."""
