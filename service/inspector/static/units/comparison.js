// How two answers differ, in numbers and words.

import { openness } from "../numbers.js";
import { rowsAsUnusual, rowsOf } from "../typicality.js";
import { aLabel, listOf, theLabel, valueText } from "../words.js";

const SAME = 0.005; // a difference of openness that two decimals do not show

/**
 * The layer whose openness differs most.
 *
 * @param {number[]} pinned mean gates by layer
 * @param {number[]} current
 * @returns {number} its index
 */
export function largestDifference(pinned, current) {
  const size = (index) => Math.abs(current[index] - pinned[index]);
  return pinned.reduce((most, _, index) => (size(index) > size(most) ? index : most), 0);
}

/** Where the layers differ most, in a sentence. */
export function layerSentence(layers, pinned, current) {
  const most = largestDifference(pinned, current);
  if (Math.abs(current[most] - pinned[most]) < SAME) return "No layer's openness differs by 0.01 or more.";
  return `They differ most in ${layers[most].name}: ${openness(pinned[most])} against ${openness(current[most])}.`;
}

/** Which labels they have, in a sentence. */
export function labelSentence(pinned, current) {
  return pinned.label === current.label
    ? `Both have the label ${theLabel(pinned.label)}.`
    : `The pinned one is ${aLabel(pinned.label)}, the current one ${aLabel(current.label)}.`;
}

/** How usual an answer is. */
export function typicalityText({ typicality }, model) {
  return rowsAsUnusual(typicality.combined, rowsOf(model));
}

/** The columns whose values differ. @returns {{name: string, pinned: *, current: *}[]} */
export function differingColumns(columns, pinned, current) {
  return columns
    .map(({ name }) => ({ name, pinned: pinned[name] ?? null, current: current[name] ?? null }))
    .filter((column) => column.pinned !== column.current);
}

/** What differs between two rows of a table, in a sentence. */
export function columnsSentence(differing) {
  if (differing.length === 0) return "Both rows have the same values.";
  const changes = differing.map(({ name, pinned, current }) =>
    `${name} (${valueText(pinned)} against ${valueText(current)})`);
  return `The rows differ in ${listOf(changes)}.`;
}
