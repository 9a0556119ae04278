// An input as the API's `instance`.

import { drawn } from "./drawing.js";

/**
 * @param {import("../store.js").Input|null} input
 * @param {import("../model.js").Model} model
 * @returns {import("../store.js").Instance|null} null if there is nothing to predict
 */
export function instanceOfInput(input, model) {
  if (input === null) return null;
  if (input.kind === "row") return input.values;
  if (input.kind === "pixels") return input.pixels;
  return input.strokes.length === 0 ? null : drawn(input, model.input);
}
