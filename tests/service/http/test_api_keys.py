import hashlib
import os
from pathlib import Path

import pytest

from service.http import api_keys
from service.http.api_keys import ApiKey, ApiKeyFileError, ApiKeys, new_key, read_keys
from service.http.callers import Caller, Scope

TOKEN, KEY = new_key("ci", [Scope.INSPECT, Scope.PREDICT])
OTHER_TOKEN, OTHER = new_key("ops", [Scope.ADMIN])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    path.write_text(f"# keys\n\n{KEY.line}  # until June\n")
    return path


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at the file with every request."""
    monkeypatch.setattr(api_keys, "CHECK_SECONDS", 0)


def test_a_new_key_has_a_random_token_and_a_line_without_it() -> None:
    token, key = new_key("ci", [Scope.INSPECT, Scope.PREDICT])
    assert token.startswith("hwk_")
    assert len(token) == 4 + 32  # 24 bytes in base64
    assert token != TOKEN
    digest = hashlib.sha256(token.encode()).hexdigest()
    assert key.line == f"ci predict,inspect {digest}"
    assert read_keys(key.line.encode()) == {bytes.fromhex(digest): key}


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "ä", "a\n"])
def test_the_name_of_a_key_is_one_word(name: str) -> None:
    with pytest.raises(ApiKeyFileError) as error:
        new_key(name, [Scope.PREDICT])
    assert str(error.value) == "name: expected 1 to 64 letters, digits or . _ @ -"


def test_a_token_finds_its_caller(path: Path) -> None:
    keys = ApiKeys(path)
    caller = Caller("ci", frozenset({Scope.PREDICT, Scope.INSPECT}))
    assert keys.find(TOKEN.encode()) == caller
    for wrong in (b"", b"x", TOKEN[:-1].encode(), OTHER_TOKEN.encode(), KEY.digest, b"x" * 100_000):
        assert keys.find(wrong) is None


@pytest.mark.usefixtures("always")
def test_added_and_revoked_keys_are_noticed(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    keys = ApiKeys(path)
    path.write_text(f"{KEY.line}\n{OTHER.line}")
    assert keys.find(OTHER_TOKEN.encode()) == OTHER.caller
    path.write_text(OTHER.line)
    assert keys.find(TOKEN.encode()) is None
    path.write_text("")  # revokes all
    assert keys.find(OTHER_TOKEN.encode()) is None
    assert [record.message for record in caplog.records] == [
        f"API keys: the file was changed; it has {count} keys now" for count in (2, 1, 0)
    ]


@pytest.mark.usefixtures("always")
def test_a_change_within_the_same_time_stamp_is_noticed(path: Path) -> None:
    keys = ApiKeys(path)
    before = path.stat()
    changed = TOKEN[:-1] + ("a" if TOKEN[-1] != "a" else "b")
    digest = hashlib.sha256(changed.encode()).digest()
    with path.open("r+") as file:  # the same file, of the same length
        file.write(path.read_text().replace(KEY.line, ApiKey(digest, KEY.caller).line))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert keys.find(changed.encode()) == KEY.caller
    assert keys.find(TOKEN.encode()) is None


def test_an_unchanged_file_is_not_read_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.utime(path, (0, 0))
    keys = ApiKeys(path)
    monkeypatch.setattr(api_keys, "CHECK_SECONDS", 0)
    monkeypatch.setattr(api_keys, "read_keys", lambda _content: pytest.fail("read"))
    assert keys.find(TOKEN.encode()) == KEY.caller


def test_the_file_is_looked_at_twice_a_second_at_most(path: Path) -> None:
    keys = ApiKeys(path)
    keys.find(TOKEN.encode())
    path.unlink()
    for _ in range(100):
        assert keys.find(TOKEN.encode()) is not None
    assert keys._problem == ""


@pytest.mark.usefixtures("always")
def test_a_file_that_becomes_missing_or_malformed_keeps_its_keys_and_is_logged_once(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keys = ApiKeys(path)
    path.write_text(f"{KEY.line}\n{TOKEN}")
    for _ in range(3):
        assert keys.find(TOKEN.encode()) == KEY.caller
    path.unlink()
    for _ in range(3):
        assert keys.find(TOKEN.encode()) == KEY.caller
    assert [record.message for record in caplog.records] == [
        f"API keys: {path}: line 2: expected NAME SCOPES SHA256; make a line with `highway key`; "
        "the keys read before remain valid",
        f"API keys: {path}: expected a file of API keys, found No such file or directory; the "
        "keys read before remain valid",
    ]
    assert TOKEN not in caplog.text
    path.write_text(OTHER.line)
    assert keys.find(TOKEN.encode()) is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (TOKEN, "line 1: expected NAME SCOPES SHA256; make a line with `highway key`"),
        (f"ci predict {TOKEN}", "line 1: expected NAME SCOPES SHA256; make a line with"),
        (KEY.line.upper(), "line 1: expected NAME SCOPES SHA256; make a line with"),
        (f"\nci write {'0' * 64}", "line 2: expected the scopes predict, inspect, admin"),
        (f"ci , {'0' * 64}", "line 1: expected the scopes predict, inspect, admin"),
        (f"{KEY.line}\n{KEY.line}", "line 2: expected a new name and token, found a repeated one"),
        (f"{KEY.line}\nci {OTHER.line[4:]}", "line 2: expected a new name and token"),
        (b"\xff", "expected text, found other bytes"),
        (b"#" * 300_000, "expected at most 262144 bytes, found more"),
        (
            "".join(f"k{i} predict {i:064x}\n" for i in range(1001)),
            "expected at most 1000 keys, found more",
        ),
    ],
    ids=range(10),  # the tokens are random, and pytest-xdist needs the same names everywhere
)
def test_a_malformed_file_is_an_error_without_its_content(
    tmp_path: Path, content: str | bytes, message: str
) -> None:
    path = tmp_path / "keys"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ApiKeyFileError) as error:
        ApiKeys(path)
    assert str(error.value).startswith(f"{path}: {message}")
    assert TOKEN not in str(error.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "expected a file of API keys, found No such file or directory"),
        (Path.mkdir, "expected a file of API keys, found none"),
        (lambda path: os.mkfifo(path), "expected a file of API keys, found none"),
        (Path.touch, "expected at least one key; make one with `highway key`"),
    ],
)
def test_a_missing_or_empty_file_is_an_error(tmp_path: Path, make: object, message: str) -> None:
    assert callable(make)
    path = tmp_path / "keys"
    make(path)
    with pytest.raises(ApiKeyFileError) as error:
        ApiKeys(path)
    assert str(error.value) == f"{path}: {message}"


def test_the_most_keys_are_read_within_the_event_loops_limit() -> None:
    content = "".join(f"k{i} predict,inspect {i:064x}\n" for i in range(api_keys.MAX_KEYS)).encode()
    keys = read_keys(content)
    assert len(keys) == 1000
    assert len(content) < api_keys.MAX_FILE_BYTES
