// The numbers of changes that are made one at a time: closed layers or replaced columns.

import { dataTable } from "../tables.js";

/**
 * A table of what each change alone makes of the answer.
 *
 * @param {string} title of the first column, what was changed
 * @param {{name: string, label: string, probability: number, probability_change: number}[]} changes
 */
export function changeTable(title, changes) {
  const rows = changes.map(({ name, label, probability, probability_change: change }) =>
    [name, label, probability, change]);
  return dataTable(`Each ${title} alone`, [title, "label", "probability", "change"], rows, { hidden: ["caption"] });
}
