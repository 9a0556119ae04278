"""A model of more cores: what bounds the rate of several workers.

Assumptions: the load generator is elsewhere; processor time per request is what was measured here;
requests are spread as connections are; a worker uses one core at most, since its event loop is one
thread; the supervisor takes no part in requests. The rate is then the smallest of

- cores / (processor time of a request): all cores are busy;
- 1 / (share · processor time), for the worker with the largest share of the connections.

A connection that is opened for one request costs more processor time. With a shared listener the
kernel wakes all workers for it: the difference to own sockets, with two workers, is that cost.
"""

import math

import numpy as np


def rate(cpu_us: float, *, cores: float, share: float) -> float:
    """Return the largest rate in requests per second; `share` is that of the busiest worker."""
    return min(cores, 1 / share) * 1e6 / cpu_us


def even_share(connections: int, workers: int) -> float:
    """Return the largest share if connections are spread evenly."""
    return math.ceil(connections / workers) / connections


def random_share(connections: int, workers: int, draws: int = 2000) -> float:
    """Return the mean largest share if each connection chooses a worker by a hash."""
    random = np.random.default_rng(0)
    counts = random.multinomial(connections, [1 / workers] * workers, draws)
    return float(counts.max(axis=1).mean() / connections)


def beside_the_client(cpu_us: float, client_us: float, *, cores: float, share: float) -> float:
    """Return the rate if the load generator shares the cores: a check of the model."""
    return min(cores / (cpu_us + client_us), 1 / (share * cpu_us), 1 / client_us) * 1e6


def connection_rate(own_us: float, wake_us: float, *, cores: int) -> float:
    """Return the largest rate with a worker for each core if every request opens a connection.

    `own_us` is the processor time of a request where the kernel wakes one worker only, `wake_us`
    that of waking each other one.
    """
    return cores * 1e6 / (own_us + (cores - 1) * wake_us)
