"""The simulated admission decides like that of the service."""

import numpy as np
import pytest

from benchmarks.scale.loop_load import SimulatedLoopLoad
from service.errors import QueueFullError
from service.inference import admission


def test_it_refuses_the_same_requests_as_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1
    monkeypatch.setattr(admission, "perf_counter_ns", lambda: now)
    service, simulated = admission.LoopLoad(), SimulatedLoopLoad()
    random = np.random.default_rng(0)
    refusals = 0
    for _ in range(300):
        for _ in range(int(random.integers(1, 40))):
            if not service.began_ns:
                service.begin()
            try:
                service.check("client")
            except QueueFullError:
                refused = True
            else:
                refused = False
            assert simulated.refuses(now / 1e9) == refused
            refusals += refused
            now += int(random.integers(0, 4_000_000))
        service.end()
        simulated.end(now / 1e9)
    assert 100 < refusals < 3_000
