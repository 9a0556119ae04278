import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa

from service.artifact import signature_path
from service.classifier import Classifier
from service.contract import ContractError
from service.signature import (
    ALGORITHM,
    MAX_KEY_BYTES,
    SignatureError,
    check_signature,
    check_signed,
    read_public_key,
    read_signature,
)
from tests.conftest import ROOT, command

PrivateKey = (
    ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | dsa.DSAPrivateKey | ed25519.Ed25519PrivateKey
)

KEY = ec.generate_private_key(ec.SECP256R1())
OTHER = ec.generate_private_key(ec.SECP256R1())

NO_MATCH = (
    "expected a signature of this file by the given key, found another: the file was changed "
    "after it was signed, or another key signed it; do not use it"
)
NOT_DER = "expected an ECDSA signature in DER, found other bytes; sign the file with `highway sign`"
MAKE_KEY = "make one with `openssl pkey -in key.pem -pubout -out public.pem`"
MAKE_PAIR = "make one with `openssl ecparam -name prime256v1 -genkey -noout -out key.pem`"

needs_openssl = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="openssl is not installed"
)


def private_pem(key: PrivateKey, password: bytes | None = None) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption()
        if password is None
        else serialization.BestAvailableEncryption(password),
    )


def public_pem(key: PrivateKey) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def openssl(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["openssl", *map(str, arguments)], capture_output=True, text=True, timeout=20, check=False
    )


@pytest.fixture
def public_key(tmp_path: Path) -> Path:
    path = tmp_path / "public.pem"
    path.write_bytes(public_pem(KEY))
    return path


@pytest.fixture
def signed(file: Path) -> Path:
    signature_path(file).write_bytes(KEY.sign(file.read_bytes(), ALGORITHM))
    return file


def refused(path: Path, public_key: Path) -> str:
    with pytest.raises(SignatureError) as error:
        Classifier.load(path, public_key=public_key)
    return str(error.value).replace(str(path), "FILE").replace(str(public_key), "KEY")


def test_a_file_signed_by_the_given_key_is_loaded(signed: Path, public_key: Path) -> None:
    assert Classifier.load(signed, public_key=public_key).metadata.name == "tiny"


def test_a_signature_is_ignored_without_a_public_key(file: Path) -> None:
    signature_path(file).write_bytes(b"garbage")
    assert Classifier.load(file).metadata.name == "tiny"


def test_a_signature_error_is_a_contract_error() -> None:
    assert issubclass(SignatureError, ContractError)


def test_a_changed_byte_is_refused(signed: Path, public_key: Path) -> None:
    content = bytearray(signed.read_bytes())
    content[len(content) // 2] ^= 1
    signed.write_bytes(content)
    assert refused(signed, public_key) == f"FILE.sig: {NO_MATCH}"


def test_a_signature_by_another_key_is_refused(file: Path, public_key: Path) -> None:
    signature_path(file).write_bytes(OTHER.sign(file.read_bytes(), ALGORITHM))
    assert refused(file, public_key) == f"FILE.sig: {NO_MATCH}"


def test_the_signature_of_another_file_is_refused(file: Path, public_key: Path) -> None:
    signature_path(file).write_bytes(KEY.sign(b"another file", ALGORITHM))
    assert refused(file, public_key) == f"FILE.sig: {NO_MATCH}"


def test_a_changed_signature_is_refused(signed: Path) -> None:
    signature = bytearray(read_signature(signed))
    signature[-1] ^= 1
    with pytest.raises(SignatureError) as error:
        check_signature(signed.read_bytes(), bytes(signature), KEY.public_key())
    assert str(error.value) == NO_MATCH


@pytest.mark.parametrize("signature", [b"garbage", b"\0" * 72, bytes.fromhex("3006020101020101ff")])
def test_a_malformed_signature_is_refused(signature: bytes, file: Path, public_key: Path) -> None:
    signature_path(file).write_bytes(signature)
    assert refused(file, public_key) == f"FILE.sig: {NOT_DER}"


@pytest.mark.parametrize(
    ("size", "actual"),
    [
        (0, "expected a signature, found an empty file"),
        (73, "expected at most 72 bytes, found 73"),
        (1 << 40, "expected at most 72 bytes, found 1,099,511,627,776"),
    ],
)
def test_a_signature_of_impossible_size_is_refused_without_reading_it(
    size: int, actual: str, file: Path, public_key: Path
) -> None:
    with signature_path(file).open("wb") as signature:
        signature.truncate(size)
    expected = f"FILE.sig: {actual}; sign the file with `highway sign`"
    assert refused(file, public_key) == expected


def test_a_file_without_a_signature_is_refused(file: Path, public_key: Path) -> None:
    assert refused(file, public_key) == (
        "FILE.sig: expected a signature, found No such file or directory; sign the file with "
        "`highway sign`"
    )


def test_the_signature_is_checked_before_the_bytes_are_parsed(
    tmp_path: Path, public_key: Path
) -> None:
    path = tmp_path / "text.onnx"
    path.write_bytes(b"text")
    signature_path(path).write_bytes(OTHER.sign(b"text", ALGORITHM))
    assert refused(path, public_key) == f"FILE.sig: {NO_MATCH}"
    signature_path(path).write_bytes(KEY.sign(b"text", ALGORITHM))
    with pytest.raises(ContractError, match="expected an ONNX file of `highway export`"):
        Classifier.load(path, public_key=public_key)


def test_the_bytes_that_were_read_are_checked_and_not_those_on_disk(
    signed: Path, public_key: Path
) -> None:
    content = signed.read_bytes()
    signed.write_bytes(b"changed meanwhile")
    check_signed(signed, content, public_key)
    with pytest.raises(SignatureError):
        check_signed(signed, signed.read_bytes(), public_key)


def key_refused(path: Path) -> str:
    with pytest.raises(SignatureError) as error:
        read_public_key(path)
    return str(error.value).replace(str(path), "KEY")


def test_a_public_key_may_be_a_symbolic_link(tmp_path: Path, public_key: Path) -> None:
    (tmp_path / "link.pem").symlink_to(public_key)  # as secrets are mounted into containers
    assert read_public_key(tmp_path / "link.pem") == KEY.public_key()


def test_a_missing_key_is_refused(file: Path, tmp_path: Path) -> None:
    assert refused(file, tmp_path / "no.pem") == (
        f"KEY: expected a public key in PEM, found No such file or directory; {MAKE_KEY}"
    )


def test_a_directory_as_key_is_refused(tmp_path: Path) -> None:
    assert key_refused(tmp_path) == (
        f"KEY: expected a public key in PEM, found a directory; {MAKE_KEY}"
    )


def test_a_huge_key_is_refused_without_reading_it(public_key: Path) -> None:
    with public_key.open("wb") as file:
        file.truncate(MAX_KEY_BYTES + 1)
    assert key_refused(public_key) == (
        f"KEY: expected at most 65,536 bytes, found 65,537; {MAKE_KEY}"
    )


PRIVATE = f"KEY: expected a public key, found a private one; {MAKE_KEY}"
NO_PEM = f"KEY: expected a public key in PEM, found something else; {MAKE_KEY}"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (private_pem(KEY), PRIVATE),
        (private_pem(KEY, b"password"), PRIVATE),
        (public_pem(KEY) + private_pem(KEY), PRIVATE),
        (b"text", NO_PEM),
        (bytes(range(256)), NO_PEM),
        (public_pem(KEY)[:80], NO_PEM),
        (public_pem(KEY).replace(b"M", b"N", 1), NO_PEM),
    ],
    ids=["private", "encrypted", "combined", "text", "binary", "cut off", "damaged"],
)
def test_a_file_that_is_not_a_public_key_is_refused(
    content: bytes, message: str, public_key: Path
) -> None:
    public_key.write_bytes(content)
    assert key_refused(public_key) == message


OF_ANOTHER_KIND: list[tuple[PrivateKey, str]] = [
    (rsa.generate_private_key(65537, 2048), "RSA"),
    (dsa.generate_private_key(2048), "DSA"),
    (ed25519.Ed25519PrivateKey.generate(), "Ed25519"),
    (ec.generate_private_key(ec.SECP384R1()), "secp384r1"),
    (ec.generate_private_key(ec.SECP256K1()), "secp256k1"),
]


@pytest.mark.parametrize(
    ("key", "kind"), OF_ANOTHER_KIND, ids=[kind for _, kind in OF_ANOTHER_KIND]
)
def test_a_key_of_another_kind_is_refused(key: PrivateKey, kind: str, public_key: Path) -> None:
    public_key.write_bytes(public_pem(key))
    assert key_refused(public_key) == f"KEY: expected a P-256 key, found {kind}; {MAKE_PAIR}"


@needs_openssl
def test_a_signature_made_by_openssl_is_accepted(file: Path, tmp_path: Path) -> None:
    key, public_key = tmp_path / "key.pem", tmp_path / "public.pem"
    made = "ecparam -name prime256v1 -genkey -noout -out"
    assert openssl(*made.split(), key).returncode == 0
    assert openssl("pkey", "-in", key, "-pubout", "-out", public_key).returncode == 0
    signature = signature_path(file)
    assert openssl("dgst", "-sha256", "-sign", key, "-out", signature, file).returncode == 0
    assert Classifier.load(file, public_key=public_key).metadata.name == "tiny"


def test_check_names_the_key_of_the_signature(signed: Path, public_key: Path) -> None:
    done = command("service", "check", signed, "--public-key", public_key)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(
        f"{signed}: tiny version 1, 3 labels, 2 highway layers: signed by the owner of "
        f"{public_key}, ready to serve; next: `"
    )
    assert done.stdout.endswith(f"python -m service serve {signed} --public-key {public_key}`\n")


def test_a_refusal_on_the_command_line_is_one_sentence(file: Path, public_key: Path) -> None:
    signature_path(file).write_bytes(KEY.sign(b"another file", ALGORITHM))
    done = command("service", "check", file, "--public-key", public_key)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"error: {file}.sig: {NO_MATCH}\n"


def test_without_a_key_cryptography_is_not_imported(file: Path) -> None:
    script = (
        "import pathlib, sys\n"
        "sys.modules['cryptography'] = None\n"
        "import service.app, service.server.start, service.commands\n"
        "from service.classifier import Classifier\n"
        "Classifier.load(pathlib.Path(sys.argv[1]))\n"
    )
    subprocess.run([sys.executable, "-c", script, str(file)], cwd=ROOT, check=True)
