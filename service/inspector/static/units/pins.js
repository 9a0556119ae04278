// The answer that is kept to compare with.

import { store } from "../store.js";

/** Keep the current answer. */
export function pin() {
  store.update({ pinned: current() });
}

/** Forget the pinned answer. */
export function unpin() {
  store.update({ pinned: null });
}

/** Bring the pinned input back for editing, and pin the current one. */
export function swap() {
  const { pinned } = store.state;
  store.update({
    input: pinned.input, instance: pinned.instance, answer: pinned.answer, whatIf: null, pinned: current() ?? pinned,
  });
}

/** What the page shows now, as it would be pinned; null without an answer. */
export function current({ answer } = store.state) {
  return answer && { input: answer.input, instance: answer.instance, answer };
}
