"""How fast the page is: its size, a slow network, and 100 strokes.

The option `--log-cli-level=INFO` of pytest shows the figures.
"""

import logging
import math
import time
from statistics import quantiles
from typing import Any

from playwright.sync_api import Page

from tests.inspector.browser import module, until
from tests.inspector.conftest import Visits

_log = logging.getLogger(__name__)

FIRST_VIEW_BYTES = 60_000
USABLE_SECONDS = 2.0
LATENCY_MS = 150
STROKE_MS = 150  # on an idle machine 50
LONG_TASKS = 2  # of a round; the page itself has none
ATTEMPTS = 5  # the machine runs other tests too, and the fastest attempt counts
THREE_G = {"downloadThroughput": 1_600_000 / 8, "uploadThroughput": 750_000 / 8}

# Time from a change of the input until the answer is shown, by drawing on the page's own area.
STROKES = """
async (m, rounds) => {
  const { store } = m;
  const times = [];
  const longTasks = [];
  new PerformanceObserver((list) =>
    longTasks.push(...list.getEntries().map(({ duration }) => duration)))
    .observe({ type: "longtask" });
  for (let round = 0; round < rounds; round += 1) {
    const points = Array.from({ length: 12 }, (_, i) => ({
      x: 0.3 + 0.03 * i, y: (200 + ((37 * i + 13 * round) % 500)) / 1000 }));
    const input = { kind: "strokes", strokes: [points], pen: 0.08, centred: true };
    const { instanceOfInput } = await import(new URL("input/instances.js", window.mainModule));
    const before = store.state.answer;
    const start = performance.now();
    store.update({ input, instance: instanceOfInput(input, store.state.model) });
    await new Promise((resolve) => {
      const controller = new AbortController();
      store.follow(["answer"], ({ answer }) => {
        if (answer === before || answer === null) return;
        controller.abort();
        resolve();
      }, { signal: controller.signal });
    });
    await new Promise(requestAnimationFrame); // the panels have drawn; this frame shows it
    times.push(performance.now() - start);
  }
  return { times, longTasks };
}
"""


def test_the_first_view_is_small(visits: Visits) -> None:
    visit = visits()
    sizes: dict[str, int] = {}
    visit.page.on(
        "requestfinished",
        lambda request: sizes.update({request.url: request.sizes()["responseBodySize"]}),
    )
    visit.open()
    visit.page.wait_for_load_state("networkidle")
    files = {url: size for url, size in sizes.items() if "/v2/" not in url}
    largest = sorted(((size, url.split("/")[-1]) for url, size in files.items()), reverse=True)
    _log.info("first view: %d bytes in %d files; %s", sum(files.values()), len(files), largest[:6])
    assert 0 < sum(files.values()) <= FIRST_VIEW_BYTES


def test_the_first_view_is_usable_soon_on_a_slow_network(visits: Visits) -> None:
    seconds: list[float] = []
    while len(seconds) < ATTEMPTS and min(seconds, default=math.inf) > USABLE_SECONDS:
        visit = visits()
        session = visit.context.new_cdp_session(visit.page)
        session.send("Network.enable")
        conditions = {"offline": False, "latency": LATENCY_MS, **THREE_G}
        session.send("Network.emulateNetworkConditions", conditions)
        start = time.monotonic()
        visit.page.goto("/", wait_until="commit")
        visit.page.locator("#model").wait_for()
        visit.page.locator("input-panel canvas").first.wait_for()
        seconds.append(time.monotonic() - start)
        visit.close()
    _log.info("usable after %s s with a latency of %d ms", seconds, LATENCY_MS)
    assert min(seconds) <= USABLE_SECONDS


def test_a_hundred_strokes_are_answered_at_once_and_leave_nothing_behind(page: Page) -> None:
    page.evaluate(
        "() => { window.mainModule = document.querySelector(\"script[src$='/main.js']\").src; }"
    )
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.enable")
    module(page, "store.js", STROKES, 30)  # until the heap has its size
    before = _heap(session)
    measured = module(page, "store.js", STROKES, 100)
    after = _heap(session)
    p95 = [quantiles(measured["times"], n=20)[-1]]
    long_tasks = [len(measured["longTasks"])]
    while len(p95) < ATTEMPTS and (min(p95) > STROKE_MS or min(long_tasks) > LONG_TASKS):
        measured = module(page, "store.js", STROKES, 20)
        p95.append(quantiles(measured["times"], n=20)[-1])
        long_tasks.append(len(measured["longTasks"]))
    _log.info(
        "stroke to highway: p95 %s ms; heap %d → %d bytes; long tasks %s",
        *([round(ms) for ms in p95], before, after, long_tasks),
    )
    assert min(p95) <= STROKE_MS
    assert min(long_tasks) <= LONG_TASKS
    assert after - before < 1_000_000
    until(page, "s.answer !== null")


def _heap(session: Any) -> int:
    session.send("HeapProfiler.collectGarbage")
    return int(session.send("Runtime.getHeapUsage")["usedSize"])
