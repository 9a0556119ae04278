"""The certificate of the server: checks of its files before uvicorn loads them."""

import ssl
from pathlib import Path

from service.settings import Settings, SettingsError

CERTIFICATE, KEY = "HIGHWAY_TLS_CERTIFICATE", "HIGHWAY_TLS_KEY"


def check_certificate(settings: Settings) -> None:
    """Raise `SettingsError` unless certificate and key can be read and belong together."""
    certificate, key = settings.tls_certificate, settings.tls_key
    if certificate is None:
        return
    _check_file(CERTIFICATE, certificate)
    if key is not None:
        _check_file(KEY, key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except ssl.SSLError as error:
        raise SettingsError(_sentence(error, certificate, key)) from error


def _check_file(variable: str, path: Path) -> None:
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        raise SettingsError(
            f"{variable}: {path}: expected a PEM file, found {error.strerror}"
        ) from error


def _sentence(error: ssl.SSLError, certificate: Path, key: Path | None) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"{KEY}: {key or certificate}: expected the key of {certificate}, found another"
    return (
        f"{CERTIFICATE}: {certificate}: expected a certificate and its key without a password, "
        "both in PEM, found other content"
    )


def _no_password() -> str:
    """Return an empty password; otherwise OpenSSL reads one from the terminal."""
    return ""
