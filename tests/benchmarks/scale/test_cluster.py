"""Several replicas, clients that retry, and a burst with the autoscaler."""

from benchmarks.scale.autoscaler import Autoscaling
from benchmarks.scale.clients import Retries
from benchmarks.scale.cluster import QUEUE, Delays, simulate
from benchmarks.scale.replica import Limits
from benchmarks.scale.service_times import ServiceTimes

TIMES = ServiceTimes(
    network="model",
    form="JSON",
    rows=32,
    batches=((1, 0.002), (64, 0.02)),
    before_s=0.0,
    after_s=0.0,
    refusal_s=0.0,
    transport_s=0.0,
    resident_mb=100.0,
    start_s=1.0,
)  # 100 requests per second


def test_replicas_get_requests_in_turn() -> None:
    outcome = simulate(TIMES, [0.01 * each for each in range(90)], replicas=3)
    assert [replica.arrived for replica in outcome.replicas] == [30, 30, 30]


def test_a_client_repeats_a_refused_request_after_retry_after() -> None:
    # One fits the queue; the other is refused, and returns between one and two seconds later.
    limits = Limits(max_queue_rows=32, max_batch_rows=32)
    offsets = [0.0, 0.001, 0.002]
    outcome = simulate(TIMES, offsets, limits=limits, retries=Retries(attempts=2), tail_s=5)
    assert outcome.clients.count(429) == 0
    assert outcome.clients.attempts == 4
    slowest = max(outcome.clients.latencies())
    assert 1 < slowest < 2.1


def test_the_last_attempt_counts_as_refused() -> None:
    limits = Limits(max_queue_rows=32, max_batch_rows=32)
    outcome = simulate(TIMES, [0.0, 0.001, 0.002], limits=limits, tail_s=5)
    assert (outcome.clients.count(200), outcome.clients.count(429)) == (2, 1)


def test_the_autoscaler_adds_replicas_until_nothing_is_refused() -> None:
    # 250 requests per second need three replicas of 100; one is there at the begin.
    offsets = [each / 250 for each in range(250 * 90)]
    scaling = Autoscaling(targets={QUEUE: 0.05}, most=10)
    outcome = simulate(TIMES, offsets, autoscaling=scaling, delays=Delays(start_s=1.0))
    refused = [sent for sent, _ in outcome.clients.responses[429]]
    assert outcome.samples[0].ready == 1
    assert outcome.samples[-1].ready >= 3
    # The metric is known at 15 s at the earliest; a replica that is ordered takes 6 to 11 s.
    assert 20 < max(refused) < 62
    ready = [sample.ready for sample in outcome.samples]
    assert ready == sorted(ready)
