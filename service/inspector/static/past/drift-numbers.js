// What the drift view draws, as numbers.

import { capital, sentence } from "../words.js";

/** The rows that a test needs. */
export const LEAST_ROWS = 110;

/** The place of the threshold in a picture of evidence. */
export const THRESHOLD_PLACE = 0.5;

/**
 * Evidence of a test, from 0 to 1: the p-value's logarithm against the threshold's, where
 * `THRESHOLD_PLACE` is the threshold itself and 1 is never reached.
 *
 * @param {number|null} pValue null if the window is not tested
 */
export function evidence(pValue, threshold) {
  if (pValue === null) return null;
  if (pValue === 0) return 1;
  const times = Math.log(Math.min(1, pValue)) / Math.log(threshold);
  return times / (1 + times);
}

/** The state of a window in words. */
export function decision({ rows, drifting, labels }) {
  if (drifting) return "drifts";
  if (rows === 0) return "no rows";
  return labels.p_value === null ? "not tested" : "no drift";
}

/** The sentences of a text and the items between its semicolons; a colon begins a list. */
export function sentences(text) {
  return String(text).split(/(?<=[.;:])\s+(?=\S)/).map((part) => sentence(capital(part.replace(/[;:]$/, ""))));
}

const WINDOWS = { "5m": "Last 5 minutes", "1h": "Last hour", "1d": "Last day" };

/** The title of a window, such as "Last 5 minutes". */
export function windowTitle(name) {
  return WINDOWS[name] ?? `Window ${name}`;
}
