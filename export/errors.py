"""Errors of the package; every message is one sentence."""


class ExportError(ValueError):
    """Base of all errors of this package."""


class VerificationError(ExportError):
    """The file does not compute the trained network."""


class StructureError(VerificationError):
    """The graph is not a valid ONNX model as `highway export` writes it."""


class OperatorError(StructureError):
    """The graph has an operator that no highway network needs."""


class LayerError(ExportError):
    """A network of one's own has a layer that torch cannot export or the service does not serve."""


class TensorError(StructureError):
    """The graph's inputs or outputs differ from the contract."""


class WeightError(StructureError):
    """A weight is not finite, not used, or not in the file."""


class TraceError(StructureError):
    """The graph contains traces of the source code."""


class OutputValueError(VerificationError):
    """The outputs are impossible with any weights."""


class BatchError(OutputValueError):
    """A row's outputs depend on the other rows of its batch."""


class GateScaleError(OutputValueError):
    """`gate_scale` does something other than scaling the gates where layers mix."""


class NumericsError(VerificationError):
    """The outputs differ from torch's by more than float32 explains."""


class UnstableError(VerificationError):
    """Float32 is not precise enough for the network, so torch cannot be the reference."""


class LabelError(VerificationError):
    """A predicted label differs from torch's, and rounding is not the reason."""


class MetadataError(VerificationError):
    """The metadata differ from the run."""


class QuantisationError(VerificationError):
    """Int8 changes the labels of too many rows."""


class PlainNetworkError(ExportError):
    """The network has no highway layers, so there are no gates to serve."""


class WriteError(ExportError):
    """The file cannot be written."""


class SigningError(ExportError):
    """The private key cannot be used for a signature."""
