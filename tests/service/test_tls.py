"""TLS with a certificate made for the test."""

import json
import re
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from service.settings import Settings, SettingsError
from service.tls import check_certificate
from tests.conftest import ROOT

PEM = serialization.Encoding.PEM
PKCS8 = serialization.PrivateFormat.PKCS8


def key_pem(key: ec.EllipticCurvePrivateKey, password: bytes | None = None) -> bytes:
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password is not None:
        encryption = serialization.BestAvailableEncryption(password)
    return key.private_bytes(PEM, PKCS8, encryption)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a self-signed certificate for 127.0.0.1, its key, and other files."""
    folder = tmp_path_factory.mktemp("tls")
    key, other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, SHA256())
        .public_bytes(PEM)
    )
    for file, content in {
        "certificate.pem": certificate,
        "key.pem": key_pem(key),
        "both.pem": certificate + key_pem(key),
        "other.pem": key_pem(other),
        "locked.pem": key_pem(key, b"password"),
        "text.pem": b"text",
    }.items():
        (folder / file).write_bytes(content)
    return folder


def message(certificate: Path, key: Path | None = None) -> str:
    with pytest.raises(SettingsError) as error:
        check_certificate(Settings(tls_certificate=certificate, tls_key=key))
    return str(error.value)


def test_a_certificate_and_its_key_are_accepted_apart_or_in_one_file(folder: Path) -> None:
    check_certificate(Settings())
    check_certificate(
        Settings(tls_certificate=folder / "certificate.pem", tls_key=folder / "key.pem")
    )
    check_certificate(Settings(tls_certificate=folder / "both.pem"))


def test_a_missing_file_is_one_sentence(folder: Path) -> None:
    none = folder / "none.pem"
    assert message(none) == (
        f"HIGHWAY_TLS_CERTIFICATE: {none}: expected a PEM file, found No such file or directory"
    )
    assert message(folder / "certificate.pem", none) == (
        f"HIGHWAY_TLS_KEY: {none}: expected a PEM file, found No such file or directory"
    )
    assert message(folder).endswith("expected a PEM file, found Is a directory")


def test_a_key_of_another_certificate_is_one_sentence(folder: Path) -> None:
    certificate, other = folder / "certificate.pem", folder / "other.pem"
    assert message(certificate, other) == (
        f"HIGHWAY_TLS_KEY: {other}: expected the key of {certificate}, found another"
    )


@pytest.mark.parametrize(
    ("certificate", "key"),
    [
        ("text.pem", "key.pem"),
        ("certificate.pem", "text.pem"),
        ("certificate.pem", "locked.pem"),
        ("certificate.pem", None),
    ],
)
def test_other_content_is_one_sentence_and_no_password_is_read(
    folder: Path, certificate: str, key: str | None
) -> None:
    assert message(folder / certificate, folder / key if key else None) == (
        f"HIGHWAY_TLS_CERTIFICATE: {folder / certificate}: expected a certificate and its key "
        "without a password, both in PEM, found other content"
    )


@contextmanager
def serving_tls(folder: Path, *options: str) -> Iterator[int]:
    """Run the server with the certificate; gives its port, from a start line with https."""
    process = subprocess.Popen(
        [sys.executable, "-m", "service", "serve", "--port", "0", *options],
        cwd=ROOT,
        env={
            **{"PATH": "/usr/bin:/bin", "HIGHWAY_LEDGER_URL": "off"},
            "HIGHWAY_TLS_CERTIFICATE": str(folder / "certificate.pem"),
            "HIGHWAY_TLS_KEY": str(folder / "key.pem"),
        },
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    address = re.search(r"on https://127\.0\.0\.1:(\d+)", process.stderr.readline())
    try:
        assert address is not None
        yield int(address[1])
    finally:
        process.terminate()
        process.communicate(timeout=10)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_https_is_served(folder: Path, workers: str) -> None:
    trusted = ssl.create_default_context(cafile=folder / "certificate.pem")
    row = json.dumps({"instances": [[0] * 784]}).encode()
    with serving_tls(folder, "--workers", workers) as port:
        for path in ("/predict", "/predict?asgi"):
            request = urllib.request.Request(
                f"https://127.0.0.1:{port}{path}", row, {"Content-Type": "application/json"}
            )
            with urllib.request.urlopen(request, timeout=60, context=trusted) as response:
                assert json.load(response)["model_name"] == "digits"
