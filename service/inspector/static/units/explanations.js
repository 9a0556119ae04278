// The explanation of the current instance: one request at a time, dropped when the instance changes.

import { report, send } from "../api.js";
import { explainPathOf } from "../model.js";
import { store } from "../store.js";

/**
 * @typedef {Object} Explanation the response of `/explain`, and the instance that it is of
 * @property {import("../store.js").Instance} instance
 * @property {{label: string, probability: number}} prediction
 * @property {{name: string, number: number, closed: {label: string, probability: number,
 *   probability_change: number}}[]} layers
 * @property {string[]} decisive_layers
 * @property {{closed_layers: string[], label: string}|null} counterfactual
 * @property {ExplainedPatches|ExplainedColumns} [inputs]
 *
 * @typedef {{kind: "patches", patch: number[], tops: number[], lefts: number[], label: string[][],
 *   probability_change: number[][]}} ExplainedPatches
 * @typedef {{kind: "columns", complete: boolean, columns: ExplainedColumn[],
 *   decisive_columns: string[], counterfactual: {changes: {name: string, value: *, changed_to: *}[],
 *   label: string}|null}} ExplainedColumns
 * @typedef {{name: string, value: *, replaced_by: *, label: string, probability: number,
 *   probability_change: number}} ExplainedColumn
 */

let underway = null; // AbortController of the request

store.follow(["instance", "model"], () => {
  underway?.abort();
  store.update({ explanation: null });
});

/** Explain the current instance; the returned promise ends when the request does, however. */
export async function explain() {
  const { model, instance } = store.state;
  underway?.abort();
  const current = new AbortController();
  underway = current;
  // Without usual values in the file the server can only explain by layers.
  const body = { instance, inputs: model.usualInputs !== null };
  try {
    const explanation = await send(explainPathOf(model), { body, signal: current.signal });
    if (!current.signal.aborted) store.update({ explanation: { ...explanation, instance } });
  } catch (error) {
    if (!current.signal.aborted) report(error);
  }
}
