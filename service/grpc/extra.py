"""Whether the extra `grpc` is installed; imports nothing of it."""

from importlib.util import find_spec

from service.settings import SettingsError


def check_installed() -> None:
    """Raise `SettingsError` if grpcio or protobuf is missing."""
    if find_spec("grpc") is None or find_spec("google.protobuf") is None:
        raise SettingsError(
            "HIGHWAY_GRPC_PORT: gRPC is not installed; install the extra 'grpc' or unset the "
            "variable"
        )
