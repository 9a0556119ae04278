// The page's state. Every panel reads it, changes it by `update`, and follows it by `follow`.

/**
 * @typedef {Object} State
 * @property {string} view "try", "requests", "drift", "traffic" or "model"
 * @property {{name: string, version: string, ready: boolean}[]} models that the server lists
 * @property {import("./model.js").Model|null} model the one that is shown
 * @property {Input|null} input what the reader drew, chose or typed
 * @property {Instance|null} instance `input` as the API's `instance`; null sends nothing
 * @property {Object<string, number>} scales factors by layer name, those other than 1; 0 closes
 * @property {number|null} layer the layer that was last focused or chosen, an index from 0
 * @property {{layer: number, unit: number}|null} unit the unit that is looked at, indices from 0
 * @property {import("./predictions.js").Answer|null} answer the prediction
 *   of `instance`, or of an earlier one while a request is under way; null without any
 * @property {import("./predictions.js").WhatIf|null} whatIf the same with its own `scales`, which may be
 *   earlier ones; show it by `shownWhatIf`
 * @property {import("./units/explanations.js").Explanation|null} explanation of its own `instance`
 * @property {{input: Input, instance: Instance, answer: import("./predictions.js").Answer}|null} pinned
 *   kept to compare with
 * @property {{id: string, row: number, time: string}|null} record the ledger row that is shown
 * @property {Status|null} status what went wrong; it goes when an answer arrives
 * @property {string|null} notice what the page did by itself, until the reader dismisses it
 * @property {import("./past/request-query.js").Filters} filters of the ledger's rows
 *
 * @typedef {{kind: "strokes", strokes: Stroke[], pen: number, centred: boolean, colours?: string[]}
 *   | {kind: "pixels", pixels: Instance, name: string}
 *   | {kind: "row", values: Object<string, number|string|boolean|null>}} Input
 * `pen` is the pen's width in units of the drawing area's shorter side; `colours` has "#rrggbb" of
 * each stroke, for models of coloured pictures.
 *
 * @typedef {{x: number, y: number, pressure?: number}[]} Stroke points in units of the drawing
 *   area, 0 to 1; `pressure` multiplies the pen's width, 1 by default
 *
 * @typedef {{text: string, path: string|null, until: number|null, isUnreachable: boolean,
 *   action: "key"|"reload"|"again"|null}} Status
 *   `until` in milliseconds as `Date.now()`: the time of the next attempt; `isUnreachable` is true
 *   if there was no response, so that any later one ends the status
 * @typedef {number[][] | number[][][] | Object<string, number|string|boolean|null>} Instance
 */

class Store {
  #state;
  #followers = new Set();

  /** @param {State} state */
  constructor(state) {
    this.#state = Object.freeze(state);
  }

  /** @returns {State} */
  get state() {
    return this.#state;
  }

  /** Replace members of the state, then call the followers of those that differ. */
  update(changes) {
    const before = this.#state;
    const names = Object.keys(changes).filter((name) => changes[name] !== before[name]);
    if (names.length === 0) return;
    this.#state = Object.freeze({ ...before, ...changes });
    for (const follower of [...this.#followers]) {
      if (this.#followers.has(follower) && names.some((name) => follower.names.includes(name))) {
        follower.listen(this.#state);
      }
    }
  }

  /**
   * Call `listen` with the state now and whenever one of these members changes, until `signal` is
   * aborted.
   */
  follow(names, listen, { signal } = {}) {
    const follower = { names, listen };
    this.#followers.add(follower);
    signal?.addEventListener("abort", () => this.#followers.delete(follower));
    listen(this.#state);
  }
}

export const store = new Store({
  view: "try",
  models: [],
  model: null,
  input: null,
  instance: null,
  scales: {},
  layer: null,
  unit: null,
  answer: null,
  whatIf: null,
  explanation: null,
  pinned: null,
  record: null,
  filters: {},
  status: null,
  notice: null,
});
