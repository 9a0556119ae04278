"""Detached signatures of artifacts: proof of who signed the file.

FILE.sig is ECDSA on the curve P-256 with SHA-256, in DER, as written by
`openssl dgst -sha256 -sign`.
"""

import re
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from service.artifact import read_file, signature_path
from service.contract import ContractError

PublicKey = ec.EllipticCurvePublicKey

ALGORITHM = ec.ECDSA(hashes.SHA256())
MAX_KEY_BYTES = 1 << 16
MAX_SIGNATURE_BYTES = 72  # a DER sequence of two integers of at most 33 bytes
MAKE_PAIR = "make one with `openssl ecparam -name prime256v1 -genkey -noout -out key.pem`"

_MAKE_KEY = "make one with `openssl pkey -in key.pem -pubout -out public.pem`"
_SIGN = "sign the file with `highway sign`"


class SignatureError(ContractError):
    """A signature or key that is missing, malformed or does not match; one sentence."""


def check_signed(path: Path, content: bytes, public_key: Path) -> None:
    """Verify `content`, read from `path`, with the signature beside it and this key."""
    key = read_public_key(public_key)
    signature = read_signature(path)
    try:
        check_signature(content, signature, key)
    except SignatureError as error:
        raise SignatureError(f"{signature_path(path)}: {error}") from error


def read_public_key(path: Path) -> PublicKey:
    """Read a P-256 public key from a PEM file; anything else is a `SignatureError`."""
    try:
        content = read_file(path, "a public key in PEM", MAX_KEY_BYTES)
    except ContractError as error:
        raise SignatureError(f"{error}; {_MAKE_KEY}") from error
    if re.search(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----", content):
        raise SignatureError(f"{path}: expected a public key, found a private one; {_MAKE_KEY}")
    try:
        key = serialization.load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SignatureError(
            f"{path}: expected a public key in PEM, found something else; {_MAKE_KEY}"
        ) from error
    if not isinstance(key, PublicKey) or kind(key) != "P-256":
        raise SignatureError(f"{path}: expected a P-256 key, found {kind(key)}; {MAKE_PAIR}")
    return key


def read_signature(path: Path) -> bytes:
    """Read the signature of the artifact at `path`."""
    try:
        return read_file(signature_path(path), "a signature", MAX_SIGNATURE_BYTES)
    except ContractError as error:
        raise SignatureError(f"{error}; {_SIGN}") from error


def check_signature(content: bytes, signature: bytes, key: PublicKey) -> None:
    """Raise a `SignatureError` unless `signature` is valid for these bytes and `key`."""
    try:
        decode_dss_signature(signature)
    except ValueError as error:
        raise SignatureError(
            f"expected an ECDSA signature in DER, found other bytes; {_SIGN}"
        ) from error
    try:
        key.verify(signature, content, ALGORITHM)
    except InvalidSignature as error:
        raise SignatureError(
            "expected a signature of this file by the given key, found another: the file was "
            "changed after it was signed, or another key signed it; do not use it"
        ) from error


def kind(key: object) -> str:
    """Return the name of a key's curve, or of its algorithm."""
    if isinstance(key, ec.EllipticCurvePublicKey | ec.EllipticCurvePrivateKey):
        return "P-256" if isinstance(key.curve, ec.SECP256R1) else key.curve.name
    return re.sub("P(ublic|rivate)Key$", "", type(key).__name__)
