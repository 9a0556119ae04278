"""What tells a model from all others: of the same name and version there may be two."""

from service.contract import Metadata

ModelKey = tuple[str, str, str]  # name, version and digest


def key_of(metadata: Metadata) -> ModelKey:
    """Return a model's key."""
    return metadata.name, metadata.version, str(metadata.verification.get("digest", ""))
