"""The simulated replica against queueing theory, and against the service's own rules."""

from dataclasses import dataclass, field, replace
from http import HTTPStatus

import numpy as np
import pytest

from benchmarks.scale.clients import Retries
from benchmarks.scale.cluster import Outcome, simulate
from benchmarks.scale.processor_share import MeasuredShare
from benchmarks.scale.replica import Limits

UNLIMITED = Limits(max_queue_rows=10**9, max_queue_ms=1e9, loop_admission=False)


@dataclass
class OnlyCompute:
    """Service times of the model alone, exponential or constant with the given mean."""

    mean_s: float
    exponential: bool = False
    rows: int = 1
    before_s: float = 0.0
    after_s: float = 0.0
    refusal_s: float = 0.0
    transport_s: float = 0.0
    random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(7))

    def batch_s(self, rows: int) -> float:
        """Return a drawn or a constant time."""
        return float(self.random.exponential(self.mean_s)) if self.exponential else self.mean_s


def poisson(rate: float, count: int) -> list[float]:
    """Return the times of a Poisson process."""
    gaps = np.random.default_rng(3).exponential(1 / rate, count)
    return [float(at) for at in np.cumsum(gaps)]


def mean_wait(outcome: Outcome, service_s: float) -> float:
    """Return the mean time in the queue."""
    return float(outcome.clients.latencies().mean()) - service_s


def test_without_batches_and_with_exponential_times_the_wait_is_that_of_m_m_1() -> None:
    # ρ = 0.7, service 10 ms: W = ρ / (1 - ρ) · 10 ms = 23.33 ms
    limits = replace(UNLIMITED, max_batch_rows=1, calibrated=False)
    outcome = simulate(OnlyCompute(0.01, exponential=True), poisson(70, 25_000), limits=limits)
    assert mean_wait(outcome, 0.01) == pytest.approx(0.02333, rel=0.07)


@pytest.mark.parametrize("service_s", [0.01, 0.0005])  # on the thread, and on the event loop
def test_without_batches_and_with_constant_times_the_wait_is_that_of_m_d_1(
    service_s: float,
) -> None:
    # ρ = 0.8: W = ρ / (2 · (1 - ρ)) = twice the service time
    limits = replace(UNLIMITED, max_batch_rows=1)
    outcome = simulate(OnlyCompute(service_s), poisson(0.8 / service_s, 20_000), limits=limits)
    assert mean_wait(outcome, service_s) == pytest.approx(2 * service_s, rel=0.07)


def test_a_bounded_queue_loses_as_many_requests_as_m_m_1_k() -> None:
    # ρ = 0.9, one row in service and three in the queue, K = 4:
    # loss = (1 - ρ) · ρ⁴ / (1 - ρ⁵) = 0.1 · 0.6561 / 0.40951 = 0.1602
    limits = Limits(
        max_batch_rows=1,
        max_queue_rows=3,
        max_queue_ms=1e9,
        loop_admission=False,
        calibrated=False,
    )
    outcome = simulate(OnlyCompute(0.01, exponential=True), poisson(90, 25_000), limits=limits)
    refused = outcome.clients.count(HTTPStatus.TOO_MANY_REQUESTS)
    assert refused / 25_000 == pytest.approx(0.1602, rel=0.05)


def test_requests_that_arrive_during_a_batch_form_the_next_one() -> None:
    # A batch of 10 ms begins at 0; three requests arrive meanwhile, and are answered at 20 ms.
    limits = UNLIMITED
    outcome = simulate(OnlyCompute(0.01), [0.0, 0.002, 0.005, 0.009], limits=limits)
    assert outcome.replicas[0].batches == {1: 1, 3: 1}
    ended = [sent + latency for sent, latency in outcome.clients.responses[HTTPStatus.OK]]
    assert ended == pytest.approx([0.01, 0.02, 0.02, 0.02], abs=1e-6)


def test_on_one_processor_the_event_loop_slows_down_the_thread() -> None:
    # The batch begins at 4 ms with 10 ms of work; the second request takes 4 ms of the processor
    # from it while both run, so that it ends at 18 ms with one processor, at 14 ms with two.
    times = OnlyCompute(0.01, before_s=0.004)
    ends = []
    for cores in (1, 2):
        outcome = simulate(times, [0.0, 0.006], limits=replace(UNLIMITED, cores=cores))
        sent, latency = min(outcome.clients.responses[HTTPStatus.OK])
        ends.append(sent + latency)
    assert ends == pytest.approx([0.018, 0.014], abs=1e-6)


def test_every_request_is_answered_refused_or_expired_exactly_once() -> None:
    limits = Limits(deadline_ms=40, max_queue_rows=1600)
    times = OnlyCompute(0.004, rows=40, before_s=0.0002, after_s=0.0001, refusal_s=0.0001)
    outcome = simulate(times, poisson(2_500, 5_000), limits=limits, replicas=2)
    responses = outcome.clients.responses
    assert set(responses) == {200, 429, 504}
    assert sum(map(len, responses.values())) == outcome.clients.sent == 5_000
    assert sum(replica.arrived for replica in outcome.replicas) == 5_000
    assert all(replica.pending == 0 for replica in outcome.replicas)


def test_the_estimated_wait_bounds_the_wait_of_accepted_requests() -> None:
    limits = Limits(max_batch_rows=64, max_queue_ms=100)
    outcome = simulate(OnlyCompute(0.01, rows=32), poisson(400, 4_000), limits=limits)
    # Two requests fit a batch: 100 ms in the queue, the batch under way, and the request's own.
    assert np.percentile(outcome.clients.latencies(), 99) <= 0.1 + 2 * 0.01 + 0.011
    assert outcome.clients.count(HTTPStatus.OK) / 10 == pytest.approx(200, rel=0.05)


def test_a_refused_request_gets_its_response_within_20_ms() -> None:
    limits = Limits(max_batch_rows=1, max_queue_rows=1)
    outcome = simulate(OnlyCompute(0.01), [0.0, 0.001, 0.002, 0.012], limits=limits)
    refused = [latency for _, latency in outcome.clients.responses[429]]
    assert refused == pytest.approx([0.02])


def test_a_seed_gives_the_same_responses_again_and_another_one_gives_others() -> None:
    def responses(seed: int) -> dict[int, list[tuple[float, float]]]:
        times, retries = OnlyCompute(0.04, rows=32), Retries(attempts=3)
        return simulate(times, poisson(200, 600), retries=retries, seed=seed).clients.responses

    first = responses(1)
    assert responses(1) == first
    assert responses(2) != first  # refused clients wait for a random time


def test_a_processor_that_others_use_half_of_the_time_takes_twice_as_long() -> None:
    share = MeasuredShare([0.0, 1.0, 2.0], [0.0, 0.5, 0.5])
    assert share.end(0.0, 0.25) == pytest.approx(0.5, abs=1e-4)
    assert share.end(0.5, 0.5) == pytest.approx(1.25, abs=1e-4)  # half of it after the first second
    assert share.work(0.5, 1.5) == pytest.approx(0.75, abs=1e-4)
    limits = replace(UNLIMITED, share=MeasuredShare([0.0, 10.0], [0.0, 5.0]))
    outcome = simulate(OnlyCompute(0.01), [1.0], limits=limits)
    assert outcome.clients.latencies() == pytest.approx([0.02], abs=1e-4)
