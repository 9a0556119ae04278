"""Who may send which request: the host, the origin, the API key and the scope of the path."""

import time
from collections.abc import Container

from service.errors import (
    AttemptsError,
    AuthenticationError,
    RequestError,
    ScopeError,
    UnknownPathError,
)
from service.http.access_rules import NOWHERE, AccessRules, Rule, read_target
from service.http.api_keys import ApiKeyFileError, ApiKeys
from service.http.callers import CALLER, OPEN_SCOPES, Caller, Scope
from service.http.cors import ORIGIN, SITE, Origins, is_preflight
from service.http.endpoints import Header, Headers
from service.http.failed_attempts import MAX_ATTEMPTS, FailedAttempts
from service.http.hosts import AllowedHosts, allowed_hosts
from service.settings import Settings, SettingsError

__all__ = ["CALLER", "OPEN_SCOPES", "Access", "Caller", "Scope", "create_access"]

BEARER = b"bearer "
NO_SCOPES: frozenset[Scope] = frozenset()

_INFERENCE = Rule(Scope.PREDICT)


class Access:
    """Decides for each request who sends it and whether that caller may."""

    def __init__(
        self,
        rules: AccessRules,
        hosts: AllowedHosts,
        origins: Origins,
        keys: ApiKeys | None,
        inference_paths: Container[bytes] = (),
    ) -> None:
        """`inference_paths` are targets of inference, so that the frequent ones are not parsed."""
        self._rules = rules
        self._hosts = hosts
        self._origins = origins
        self._keys = keys
        self._inference_paths = inference_paths
        self._failed_attempts = FailedAttempts()
        # Whether a decision holds for further requests with the same headers and address: a key may
        # be revoked at any time.
        self.lasting = keys is None

    def check(
        self,
        method: bytes,
        target: bytes,
        headers: Headers,
        address: str,
        forwarded_host: bytes | None = None,
    ) -> Caller:
        """Return the caller; raise a `RequestError` if it may not send this request.

        `target` is the request target without the server's path prefix, `address` the client's IP
        address. `forwarded_host` is the host that the client's page has, if a proxy names it.
        """
        host = headers.get(b"host")
        if target in self._inference_paths:
            rule = _INFERENCE
        else:
            path, authority = read_target(target)
            rule = self._rules.rule(path)
            host = host if authority is None else authority  # RFC 9112, section 3.2.2
        # HTTP/1.0 may omit Host; browsers do not.
        if host is not None and host not in self._hosts.known:
            self._hosts.check(host, addresses=rule.scope is None)
        if ORIGIN in headers or SITE in headers:
            self._origins.check(method, headers, forwarded_host)
        if rule.scope is None or (method == b"OPTIONS" and is_preflight(method, headers)):
            return Caller(address, NO_SCOPES)
        if self._keys is None:
            caller = Caller(address, OPEN_SCOPES)
        else:
            caller = self._find(self._keys, headers, address)
        if rule is NOWHERE or rule.scope not in caller.scopes:
            raise _refusal(rule.scope, named=rule.named, keys=self._keys is not None)
        return caller

    def response_headers(self, headers: Headers) -> tuple[Header, ...]:
        """Return the headers that the response to a page of an allowed origin needs."""
        return self._origins.response_headers(headers) if self._origins.allowed else ()

    def _find(self, keys: ApiKeys, headers: Headers, address: str) -> Caller:
        """Return the caller of the request's API key.

        A right key is always accepted: clients behind one proxy share its address, and a random
        token cannot be guessed.
        """
        token = _token(headers)
        if token is None:
            raise AuthenticationError(
                "API key: expected one in the header Authorization or X-API-Key, found none"
            )
        caller = keys.find(token)
        if caller is not None:
            return caller
        seconds = self._failed_attempts.add(address, time.monotonic())
        if seconds is not None:
            raise AttemptsError(
                f"API key: expected at most {MAX_ATTEMPTS} wrong keys in a minute, found more; "
                "check the key",
                retry_after=seconds,
            )
        raise AuthenticationError("API key: expected a valid one, found another; check the key")


def create_access(settings: Settings, inference_paths: Container[bytes] = ()) -> Access:
    """Return the access rules of the settings; raise `SettingsError` for an invalid key file."""
    try:
        keys = None if settings.api_keys is None else ApiKeys(settings.api_keys)
    except ApiKeyFileError as error:
        raise SettingsError(f"HIGHWAY_API_KEYS: {error}") from error
    origins = Origins(settings.cors_origins)
    return Access(AccessRules(settings), allowed_hosts(settings), origins, keys, inference_paths)


def _token(headers: Headers) -> bytes | None:
    """Return the token of `Authorization: Bearer`, else of `X-API-Key`."""
    given = headers.get(b"authorization")
    if given is not None and given[: len(BEARER)].lower() == BEARER:
        return given[len(BEARER) :].strip()
    return headers.get(b"x-api-key")


def _refusal(scope: Scope, *, named: bool, keys: bool) -> RequestError:
    """Return the error of a caller without a scope; a path without a rule does not exist for it."""
    if not named:
        return UnknownPathError("path: not found; GET /openapi.json lists all paths")
    if not keys:
        return ScopeError(
            f"this path needs an API key with the scope {scope.value}; the server has no API keys"
        )
    return ScopeError(f"API key: expected one with the scope {scope.value} for this path")
