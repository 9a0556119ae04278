"""Copies of requests for a shadow: a version whose outputs only observers see."""

from time import perf_counter_ns

from service.errors import RequestError
from service.http.endpoints import Headers
from service.http.error_responses import reason_of
from service.http.request_policy import RequestPolicy
from service.inference.batch import ALWAYS_COMPUTED
from service.inference.models import ServedModel
from service.inference.queue import InferenceRequest, PendingRequest
from service.inference.statistics import Timing
from service.observers import SUCCESS, RequestEvent

SHADOW = "shadow"  # the endpoint of its events, and the client in its queue


class ShadowRequest:
    """A copy of a request that has its response; its outcome affects no client."""

    __slots__ = ("_began_ns", "_headers", "_id", "_model", "_policy")

    def __init__(
        self, policy: RequestPolicy, model: ServedModel, headers: Headers, request_id: str
    ) -> None:
        self._policy = policy
        self._model = model
        self._headers = headers
        self._id = request_id
        self._began_ns = perf_counter_ns()

    def submit(self, request: InferenceRequest) -> None:
        """Queue the copy, unless the shadow has no room; gate scales are those of another model."""
        if request.gate_scale is not None:
            return
        copy = InferenceRequest(request.rows, ALWAYS_COMPUTED)
        try:
            self._model.engine.submit(copy, self._on_done, SHADOW)
        except RequestError as error:
            self._model.statistics.request_failed(reason_of(error), 0, queued=False)
        else:
            self._model.statistics.request_queued()

    def _on_done(self, pending: PendingRequest) -> None:
        ended = perf_counter_ns()
        statistics = self._model.statistics
        total = ended - self._began_ns
        if pending.error is not None:
            statistics.request_failed(reason_of(pending.error), total, queued=True)
            return
        queue = pending.began_ns - pending.queued_ns
        timing = Timing(0, queue, pending.compute_ns, 0, total, pending.batch_rows)
        statistics.request_succeeded(timing)
        for observer in self._policy.observers:
            if observer.wants(SUCCESS, self._model.metadata, pending):
                event = RequestEvent(
                    endpoint=SHADOW,
                    model=self._model.metadata,
                    headers=self._headers,
                    request_id=self._id,
                    status=SUCCESS,
                    rows=pending.size,
                    arrived_ns=self._began_ns,
                    ended_ns=ended,
                    timing=timing,
                    request=pending.request,
                    batch=pending.batch,
                    first=pending.first,
                )
                observer.observe(event)
