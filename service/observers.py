"""Request events, and the observers that write them to logs, traces and the ledger."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from service.contract import Metadata
from service.inference.outputs import BatchOutputs
from service.inference.queue import InferenceRequest, PendingRequest
from service.inference.statistics import Timing

SUCCESS = 200
SERVER_ERROR = 500  # the lowest status of a server error
PHASES = Timing._fields[:4]  # in the order of a request: decode, queue, compute, encode


class RequestEvent(NamedTuple):
    """One finished request.

    `endpoint` is "predict", "infer" or "shadow". `timing`, `request` and `batch` are None if the
    request failed; logs and traces must not contain the latter two. The outputs are the rows of the
    batch from `first` on.
    """

    endpoint: str
    model: Metadata
    headers: Mapping[bytes, bytes]
    request_id: str
    status: int
    rows: int
    arrived_ns: int
    ended_ns: int
    timing: Timing | None
    request: InferenceRequest | None = None
    batch: BatchOutputs | None = None
    first: int = 0
    client: str = ""  # the name of its API key, else its address


class RequestObserver(Protocol):
    """Writer of finished requests to a log, a trace or the ledger."""

    def wants(self, status: int, model: Metadata, pending: PendingRequest | None) -> bool:
        """Return whether to observe a request; called for every request, so it must be fast.

        `pending` is None if the request failed before it was queued.
        """

    def observe(self, event: RequestEvent) -> None:
        """Write a request for which `wants` returned True."""
