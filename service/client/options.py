"""What holds for every call of a client."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from service.client.errors import ArgumentError
from service.client.exchange import Limit
from service.ledger.tags import LONGEST, MOST, is_tag

DEADLINE = "X-Deadline-Ms"
TAGS = "X-Tags"


@dataclass(frozen=True, kw_only=True)
class Options:
    """See `Client`."""

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
        """Return the limit of a call that begins now."""
        return Limit(retries=self.retries, until=time.monotonic() + self.timeout_seconds)

    def headers(self, tags: Sequence[str] = ()) -> Mapping[str, str]:
        """Return the headers of a question to the model; `tags` come after the client's own."""
        _check_tags(tags)
        headers = {} if self.deadline_ms is None else {DEADLINE: str(self.deadline_ms)}
        every = [*self.tags, *tags]
        if len(every) > MOST:
            raise ArgumentError(f"tags: expected at most {MOST} in all, found {len(every)}")
        return headers | ({TAGS: ", ".join(every)} if every else {})


def _check_tags(tags: Sequence[str]) -> None:
    if isinstance(tags, str):
        raise ArgumentError("tags: expected a list of texts, found one text; put it in a list")
    for tag in tags:
        if not isinstance(tag, str) or not is_tag(tag):
            raise ArgumentError(
                f"tags: expected each of 1 to {LONGEST} letters, digits or . _ : = / @ -, found "
                f"{tag!r}"
            )
