import errno
import os
import stat
import tempfile
from pathlib import Path

import pytest

from export.errors import ExportError, SigningError, WriteError
from export.signing import sign
from service.classifier import Classifier
from service.contract import ContractError
from tests.service.conftest import Recipe
from tests.service.test_signature import (
    KEY,
    MAKE_PAIR,
    OF_ANOTHER_KIND,
    needs_openssl,
    openssl,
    private_pem,
    public_pem,
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.onnx"
    path.write_bytes(Recipe().build())
    return path


@pytest.fixture
def private_key(tmp_path: Path) -> Path:
    path = tmp_path / "key.pem"
    path.write_bytes(private_pem(KEY))
    return path


@pytest.fixture
def public_key(tmp_path: Path) -> Path:
    path = tmp_path / "public.pem"
    path.write_bytes(public_pem(KEY))
    return path


def error_of(path: Path, private_key: Path, error_class: type[ExportError] = SigningError) -> str:
    """Return the error's message, after checking that nothing was written."""
    before = sorted(path.parent.iterdir())
    with pytest.raises(error_class) as error:
        sign(path, private_key)
    assert sorted(path.parent.iterdir()) == before
    return str(error.value).replace(str(path), "FILE").replace(str(private_key), "KEY")


def test_a_signed_file_is_loaded_with_the_public_key(
    file: Path, private_key: Path, public_key: Path
) -> None:
    assert sign(file, private_key) == file.with_name("tiny.onnx.sig")
    assert Classifier.load(file, public_key=public_key).metadata.name == "tiny"


def test_all_users_can_read_the_signature_and_no_other_file_is_written(
    file: Path, private_key: Path
) -> None:
    before = set(file.parent.iterdir())
    signature = sign(file, private_key)
    assert stat.S_IMODE(signature.stat().st_mode) == 0o644
    assert set(file.parent.iterdir()) - before == {signature}


def test_an_earlier_signature_is_replaced(file: Path, private_key: Path, public_key: Path) -> None:
    file.with_name("tiny.onnx.sig").write_bytes(b"of an earlier file")
    sign(file, private_key)
    Classifier.load(file, public_key=public_key)


@needs_openssl
def test_openssl_accepts_the_signature(file: Path, private_key: Path, public_key: Path) -> None:
    verify = ("dgst", "-sha256", "-verify", public_key, "-signature", sign(file, private_key))
    assert openssl(*verify, file).stdout == "Verified OK\n"
    file.write_bytes(file.read_bytes() + b"\0")
    assert openssl(*verify, file).returncode == 1


@needs_openssl
@pytest.mark.parametrize(
    "made",
    [
        "ecparam -name prime256v1 -genkey -noout -out",
        "ecparam -name prime256v1 -genkey -out",
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out",
    ],
)
def test_keys_made_by_any_openssl_command_can_sign(
    made: str, file: Path, private_key: Path
) -> None:
    assert openssl(*made.split(), private_key).returncode == 0
    public_key = private_key.with_name("other.pem")
    assert openssl("pkey", "-in", private_key, "-pubout", "-out", public_key).returncode == 0
    sign(file, private_key)
    Classifier.load(file, public_key=public_key)


def test_a_file_that_the_service_cannot_load_is_not_signed(file: Path, private_key: Path) -> None:
    file.write_bytes(b"text")
    with pytest.raises(ContractError) as error:
        sign(file, private_key)
    assert str(error.value).startswith(f"{file}: expected an ONNX file of `highway export`")
    assert not file.with_name("tiny.onnx.sig").exists()


def test_a_missing_key_is_an_error(file: Path, tmp_path: Path) -> None:
    assert error_of(file, tmp_path / "no.pem") == (
        f"KEY: expected a private key in PEM, found No such file or directory; {MAKE_PAIR}"
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            private_pem(KEY, b"password"),
            "expected a key without a password, found an encrypted one; sign with "
            "`openssl dgst -sha256 -sign key.pem -out FILE.sig FILE`, which prompts for it",
        ),
        (
            public_pem(KEY),
            "expected a private key, found a public one; give the private key of its pair",
        ),
        (b"text", f"expected a private key in PEM, found something else; {MAKE_PAIR}"),
        (b"", f"expected a private key in PEM, found an empty file; {MAKE_PAIR}"),
        (
            private_pem(KEY)[:100],
            f"expected a private key in PEM, found something else; {MAKE_PAIR}",
        ),
        *(
            (private_pem(key), f"expected a P-256 key, found {kind}; {MAKE_PAIR}")
            for key, kind in OF_ANOTHER_KIND
        ),
    ],
    ids=["encrypted", "public", "text", "empty", "cut off", *(kind for _, kind in OF_ANOTHER_KIND)],
)
def test_an_unusable_private_key_is_an_error(
    content: bytes, message: str, file: Path, private_key: Path
) -> None:
    private_key.write_bytes(content)
    assert error_of(file, private_key) == f"KEY: {message}"


def test_a_directory_at_the_signatures_path_is_an_error(file: Path, private_key: Path) -> None:
    file.with_name("tiny.onnx.sig").mkdir()
    assert error_of(file, private_key, WriteError) == (
        "FILE.sig: cannot be written: Is a directory"
    )


def test_a_folder_that_accepts_no_files_is_an_error(
    file: Path, private_key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_arguments: object) -> None:  # the tests may run as root, which may write anywhere
        raise OSError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(tempfile, "mkstemp", fail)
    assert error_of(file, private_key, WriteError) == (
        "FILE.sig: cannot be written: Permission denied"
    )


def test_a_full_disk_leaves_the_earlier_signature_unchanged(
    file: Path, private_key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = sign(file, private_key).read_bytes()

    def fail(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    assert error_of(file, private_key, WriteError) == (
        "FILE.sig: cannot be written: No space left on device"
    )
    assert file.with_name("tiny.onnx.sig").read_bytes() == earlier
