"""Signatures of artifacts, which a service with the public key requires.

A signature is a separate file, FILE.sig, that `openssl dgst -sha256 -verify` can check too.
"""

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from export.errors import SigningError
from export.files import write_file
from service.artifact import read_artifact, read_file, signature_path
from service.classifier import Classifier
from service.contract import ContractError
from service.signature import (
    ALGORITHM,
    MAKE_PAIR,
    MAX_KEY_BYTES,
    check_signature,
    kind,
)


def sign(path: Path, private_key: Path) -> Path:
    """Sign the artifact at `path` if the service can load it, and return the signature's path.

    On any error an earlier signature stays unchanged.
    """
    key = _read_private_key(private_key)
    content = read_artifact(path)  # read once: the signed bytes are the checked ones
    try:
        Classifier(content)
    except ContractError as error:
        raise ContractError(f"{path}: {error}") from error
    signature = key.sign(content, ALGORITHM)
    check_signature(content, signature, key.public_key())
    write_file(signature_path(path), signature)
    return signature_path(path)


def _read_private_key(path: Path) -> EllipticCurvePrivateKey:
    try:
        content = read_file(path, "a private key in PEM", MAX_KEY_BYTES)
    except ContractError as error:
        raise SigningError(f"{error}; {MAKE_PAIR}") from error
    if b"-----BEGIN PUBLIC KEY-----" in content:
        raise SigningError(
            f"{path}: expected a private key, found a public one; give the private key of its pair"
        )
    try:
        key = serialization.load_pem_private_key(content, password=None)
    except TypeError as error:  # cryptography raises it if the key is encrypted
        raise SigningError(
            f"{path}: expected a key without a password, found an encrypted one; sign with "
            "`openssl dgst -sha256 -sign key.pem -out FILE.sig FILE`, which prompts for it"
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SigningError(
            f"{path}: expected a private key in PEM, found something else; {MAKE_PAIR}"
        ) from error
    if not isinstance(key, EllipticCurvePrivateKey) or kind(key) != "P-256":
        raise SigningError(f"{path}: expected a P-256 key, found {kind(key)}; {MAKE_PAIR}")
    return key
