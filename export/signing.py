"""Sign an artifact, so that a service which is given the public key takes nobody else's.

The signature is a file of its own, FILE.sig, that `openssl dgst -sha256 -verify` checks too.
"""

import os
import tempfile
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from export.errors import SigningError
from service.artifact import read_artifact, read_file
from service.classifier import Classifier
from service.contract import ContractError
from service.signature import (
    ALGORITHM,
    MAKE_PAIR,
    MAX_KEY_BYTES,
    check_signature,
    kind,
    signature_path,
)


def sign(path: Path, private_key: Path) -> Path:
    """Sign the artifact at `path` if a service would load it; return where its signature lies.

    On any error an earlier signature stays as it was.
    """
    key = _read_private_key(private_key)
    content = read_artifact(path)  # once: what is signed is what was checked
    try:
        Classifier(content)
    except ContractError as error:
        raise ContractError(f"{path}: {error}") from error
    signature = key.sign(content, ALGORITHM)
    check_signature(content, signature, key.public_key())
    _place(signature, signature_path(path))
    return signature_path(path)


def _read_private_key(path: Path) -> EllipticCurvePrivateKey:
    try:
        content = read_file(path, "a private key in PEM", MAX_KEY_BYTES)
    except ContractError as error:
        raise SigningError(f"{error}; {MAKE_PAIR}") from error
    if b"-----BEGIN PUBLIC KEY-----" in content:
        raise SigningError(
            f"{path}: expected a private key, found a public one; give the key it was made from"
        )
    try:
        key = serialization.load_pem_private_key(content, password=None)
    except TypeError as error:  # so cryptography says that it wants a password
        raise SigningError(
            f"{path}: expected a key without a password, found an encrypted one; sign with "
            "`openssl dgst -sha256 -sign key.pem -out FILE.sig FILE`, which asks for the password"
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SigningError(
            f"{path}: expected a private key in PEM, found something else; {MAKE_PAIR}"
        ) from error
    if not isinstance(key, EllipticCurvePrivateKey) or kind(key) != "P-256":
        raise SigningError(f"{path}: expected a P-256 key, found {kind(key)}; {MAKE_PAIR}")
    return key


def _place(signature: bytes, path: Path) -> None:
    """Write beside the final name, then move it into place."""
    beside: Path | None = None
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        beside = Path(name)
        with os.fdopen(handle, "wb") as file:
            file.write(signature)
            file.flush()
            os.fsync(file.fileno())
        beside.chmod(0o644)  # mkstemp's files are for their owner alone
        os.replace(beside, path)
    except OSError as error:
        raise SigningError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        if beside is not None:
            beside.unlink(missing_ok=True)
