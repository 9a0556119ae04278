"""API keys: a file of names, scopes and digests of tokens, read again when it changes.

A line is `NAME SCOPES SHA256`: scopes are separated by commas, and the digest is the SHA-256 of a
random token. A digest of such a token reveals nothing that helps to guess it, so no slow hash is
needed. `#` begins a comment.
"""

import hashlib
import hmac
import logging
import os
import re
import secrets
import stat
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from service.http.callers import Caller, Scope

CHECK_SECONDS = 0.5  # between two looks at the file
SETTLED_SECONDS = 2.0  # a file that was changed later may change again within its time stamp
MAX_KEYS = 1000  # they are read on the event loop, in less than 5 ms
MAX_FILE_BYTES = 256 * 1024
MAX_TOKEN_BYTES = 256
# Scanners find tokens that were published by mistake by their prefix.
TOKEN_PREFIX = "hwk_"  # nosec B105
TOKEN_BYTES = 24  # 192 bits
NAME_PATTERN = "[A-Za-z0-9._@-]{1,64}"

_LINE = re.compile(rf"({NAME_PATTERN})\s+([a-z,]+)\s+([0-9a-f]{{64}})")
_SCOPES = {scope.value: scope for scope in Scope}

_log = logging.getLogger(__name__)


class ApiKeyFileError(ValueError):
    """A file of API keys cannot be used; the message is one sentence without its content."""


class ApiKey(NamedTuple):
    """One key: the SHA-256 of its token, and the caller who sends it."""

    digest: bytes
    caller: Caller

    @property
    def line(self) -> str:
        """The line of the file."""
        scopes = ",".join(scope.value for scope in Scope if scope in self.caller.scopes)
        return f"{self.caller.name} {scopes} {self.digest.hex()}"


class ApiKeys:
    """The keys of a file; it is looked at when a request comes, so an idle server does nothing."""

    def __init__(self, path: Path) -> None:
        """Read the file; raise `ApiKeyFileError` if it has no keys or is malformed."""
        self._path = path
        self._state: tuple[int, ...] | None = None  # of the file when it was read
        self._next_check = 0.0
        self._problem = ""  # the last one that was logged
        self._valid: dict[bytes, Caller] = {}  # by tokens that were sent: hashing takes a while
        self._keys = self._read()
        if not self._keys:
            raise ApiKeyFileError(f"{path}: expected at least one key; make one with `highway key`")

    def find(self, token: bytes) -> Caller | None:
        """Return the caller to whom the token belongs now."""
        if time.monotonic() >= self._next_check:
            self._renew()
        # The dictionary's keyed hash reveals no more of a token than the comparison below does.
        return self._valid.get(token) or self._compare(token)

    def _compare(self, token: bytes) -> Caller | None:
        if len(token) > MAX_TOKEN_BYTES:
            return None
        digest = hashlib.sha256(token).digest()
        key = self._keys.get(digest)
        if key is None or not hmac.compare_digest(key.digest, digest):
            return None
        self._valid[token] = key.caller
        return key.caller

    def _renew(self) -> None:
        """Read a file that has changed; keep the keys if it cannot be used."""
        self._next_check = time.monotonic() + CHECK_SECONDS
        try:
            if self._state is not None and _state(os.stat(self._path)) == self._state:
                return
            keys = self._read()
        except (ApiKeyFileError, OSError) as error:
            self._keep(error)
            return
        self._problem = ""
        if keys != self._keys:
            _log.info("API keys: the file was changed; it has %d keys now", len(keys))
            self._keys = keys
            self._valid.clear()

    def _keep(self, error: Exception) -> None:
        problem = str(error)
        if problem != self._problem:
            _log.error("API keys: %s; the keys read before remain valid", problem)
        self._problem, self._state = problem, None

    def _read(self) -> dict[bytes, ApiKey]:
        try:
            found = os.stat(self._path)
            if not stat.S_ISREG(found.st_mode):
                raise ApiKeyFileError(f"{self._path}: expected a file of API keys, found none")
            with self._path.open("rb") as file:
                content = file.read(MAX_FILE_BYTES + 1)
        except OSError as error:
            raise ApiKeyFileError(
                f"{self._path}: expected a file of API keys, found {error.strerror}"
            ) from error
        try:
            keys = read_keys(content)
        except ApiKeyFileError as error:
            raise ApiKeyFileError(f"{self._path}: {error}") from error
        settled = time.time() - found.st_mtime > SETTLED_SECONDS
        self._state = _state(found) if settled else None
        return keys


def read_keys(content: bytes) -> dict[bytes, ApiKey]:
    """Read the keys by digest; the error names a line but does not repeat it."""
    if len(content) > MAX_FILE_BYTES:
        raise ApiKeyFileError(f"expected at most {MAX_FILE_BYTES} bytes, found more")
    try:
        lines = content.decode().splitlines()
    except UnicodeDecodeError as error:
        raise ApiKeyFileError("expected text, found other bytes") from error
    keys: dict[bytes, ApiKey] = {}
    names = set()
    for number, line in enumerate(lines, 1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        key = _read_line(text, number)
        if key.digest in keys or key.caller.name in names:
            raise ApiKeyFileError(
                f"line {number}: expected a new name and token, found a repeated one"
            )
        keys[key.digest] = key
        names.add(key.caller.name)
        if len(keys) > MAX_KEYS:
            raise ApiKeyFileError(f"expected at most {MAX_KEYS} keys, found more")
    return keys


def new_key(name: str, scopes: Iterable[Scope]) -> tuple[str, ApiKey]:
    """Return a new random token and its key; raise `ApiKeyFileError` for an invalid name."""
    if not re.fullmatch(NAME_PATTERN, name):
        raise ApiKeyFileError("name: expected 1 to 64 letters, digits or . _ @ -")
    token = TOKEN_PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
    digest = hashlib.sha256(token.encode()).digest()
    return token, ApiKey(digest, Caller(name, frozenset(scopes)))


def _read_line(text: str, number: int) -> ApiKey:
    match = _LINE.fullmatch(text)
    if match is None:
        raise ApiKeyFileError(
            f"line {number}: expected NAME SCOPES SHA256; make a line with `highway key`"
        )
    name, scopes, digest = match.groups()
    unknown = set(scopes.split(",")) - set(_SCOPES)
    if unknown:
        raise ApiKeyFileError(f"line {number}: expected the scopes {', '.join(_SCOPES)}")
    caller = Caller(name, frozenset(_SCOPES[scope] for scope in scopes.split(",")))
    return ApiKey(bytes.fromhex(digest), caller)


def _state(found: os.stat_result) -> tuple[int, ...]:
    return found.st_mtime_ns, found.st_size, found.st_ino, found.st_dev
