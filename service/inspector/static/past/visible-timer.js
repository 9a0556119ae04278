// A repeated call for as long as the reader can see the page.

const PAUSE_MS = 1000; // between two calls, however often the page is hidden and shown

/**
 * Call `act` now, then every `milliseconds` while the page is visible, and once when it is visible
 * again. It ends when `signal` is aborted.
 */
export function whileVisible(act, milliseconds, signal) {
  let timer = null;
  let last = -Infinity;
  const call = () => {
    last = performance.now();
    timer = setTimeout(call, milliseconds);
    act();
  };
  const follow = () => {
    clearTimeout(timer);
    if (document.visibilityState !== "visible") return;
    const pause = last + PAUSE_MS - performance.now();
    if (pause > 0) timer = setTimeout(call, pause);
    else call();
  };
  document.addEventListener("visibilitychange", follow, { signal });
  signal.addEventListener("abort", () => clearTimeout(timer));
  follow();
}
