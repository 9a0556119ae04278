"""Options that hold for every call of a client."""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from highway_client.attempts import Limit
from highway_client.errors import ArgumentError

DEADLINE_HEADER = "X-Deadline-Ms"
TAGS_HEADER = "X-Tags"
MAX_TAGS = 16
TAG = re.compile(r"[A-Za-z0-9._:=/@-]{1,64}")


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of a `Client`; an invalid one is an `ArgumentError`."""

    model: str | None
    version: str | None
    binary: bool
    timeout_seconds: float
    retries: int
    deadline_ms: int | None
    tags: Sequence[str]

    def __post_init__(self) -> None:
        if self.version is not None and self.model is None:
            raise ArgumentError("version: expected a model beside it, found none; name the model")
        if not self.timeout_seconds > 0:
            raise ArgumentError(
                f"timeout_seconds: expected a number above 0, found {self.timeout_seconds}"
            )
        if self.retries < 0:
            raise ArgumentError(f"retries: expected 0 or more, found {self.retries}")
        if self.deadline_ms is not None and self.deadline_ms < 1:
            raise ArgumentError(f"deadline_ms: expected 1 or more, found {self.deadline_ms}")
        _check_tags(self.tags)

    def limit(self) -> Limit:
        """Return the limit of a call that starts now."""
        return Limit(retries=self.retries, until=time.monotonic() + self.timeout_seconds)

    def headers(self, tags: Sequence[str] = ()) -> Mapping[str, str]:
        """Return the headers of an inference request; `tags` follow the client's own."""
        _check_tags(tags)
        headers = {} if self.deadline_ms is None else {DEADLINE_HEADER: str(self.deadline_ms)}
        all_tags = [*self.tags, *tags]
        if len(all_tags) > MAX_TAGS:
            raise ArgumentError(f"tags: expected at most {MAX_TAGS} in all, found {len(all_tags)}")
        return headers | ({TAGS_HEADER: ", ".join(all_tags)} if all_tags else {})


def _check_tags(tags: Sequence[str]) -> None:
    if isinstance(tags, str):
        raise ArgumentError("tags: expected a list of strings, found a string; put it in a list")
    for tag in tags:
        if not isinstance(tag, str) or TAG.fullmatch(tag) is None:
            raise ArgumentError(
                f"tags: expected each to have 1 to 64 letters, digits or . _ : = / @ -, found "
                f"{tag!r}"
            )
