import logging
from pathlib import Path

import uvloop

from benchmarks.request_cost.server import Server, started, written_access_log


def test_a_setting_replaces_its_default(file: Path) -> None:
    async def serve() -> tuple[str, int]:
        async with started(file, max_body_bytes=12_345) as server:
            assert isinstance(server, Server)
            return server.model.metadata.name, server.context.max_body_bytes

    assert uvloop.run(serve()) == ("tiny", 12_345)


def test_the_access_log_is_written_only_meanwhile() -> None:
    log = logging.getLogger("service.access")
    before = log.level, log.propagate, list(log.handlers)
    with written_access_log():
        assert log.isEnabledFor(logging.INFO)
        assert len(log.handlers) == len(before[2]) + 1
        log.info("a line", extra={"status": 200})
    assert (log.level, log.propagate, log.handlers) == before
