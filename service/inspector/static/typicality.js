// The words for p-values: how usual an answer, a row of the ledger or a layer's gates are.

import { share } from "./numbers.js";

/** The levels up to a p-value, the most unusual first; the markers do not depend on colour. */
export const LEVELS = [
  { most: 0.01, name: "unusual", marker: "▲▲" },
  { most: 0.05, name: "slightly unusual", marker: "▲" },
  { most: 1, name: "usual", marker: "" },
];

/** The level of a p-value. @returns {{most: number, name: string, marker: string}} */
export function levelOf(pValue) {
  return LEVELS.find(({ most }) => pValue <= most);
}

const LEAST_COUNTED = 0.001; // of a few thousand held-out rows; a smaller p-value is an estimate
const MOST_PERCENT = 99;

/**
 * What a p-value says: "more typical than 86 % of the held-out rows", "only about 3 in 1,000 held-out rows look as
 * unusual".
 *
 * @param {number} pValue
 * @param {string} [rows] what the rows are, "rows" or "pictures"
 */
export function rowsAsUnusual(pValue, rows = "rows") {
  if (levelOf(pValue).name === "usual") return `${rankText(pValue)} of the held-out ${rows}`;
  if (pValue >= LEAST_COUNTED) return `only about ${share(pValue)} held-out ${rows} look as unusual`;
  const about = pValue < 1e-6 ? "" : "about ";
  return `${about}${share(pValue)} ${rows} like the training data would look as unusual (an estimate)`;
}

/** The same in short: "more typical than 86 %", "3 in 1,000 look as unusual". */
export function rankText(pValue) {
  if (levelOf(pValue).name !== "usual") return `${share(pValue)} look as unusual`;
  return `more typical than ${Math.min(MOST_PERCENT, Math.round(100 * pValue))} %`;
}

/** What a model's held-out rows are. */
export function rowsOf({ input }) {
  return input.kind === "image" ? "pictures" : "rows";
}
