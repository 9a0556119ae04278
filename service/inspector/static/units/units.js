// The gates of units: which is looked at, and what the gate scales make of them.

import { factorOf } from "../scales.js";

/** The most open unit. @param {number[][]} units by layer */
function mostOpen(units) {
  let found = { layer: 0, unit: 0 };
  units.forEach((gates, layer) => gates.forEach((gate, unit) => {
    if (gate > units[found.layer][found.unit]) found = { layer, unit };
  }));
  return found;
}

/** The chosen unit if the model has it, else the most open one. */
export function shownUnit(chosen, units) {
  const known = chosen !== null && units[chosen.layer]?.[chosen.unit] !== undefined;
  return known ? chosen : mostOpen(units);
}

/** The factor of each layer, 1 where none is given. @returns {number[]} */
export function factorsOf(layers, scales) {
  return layers.map(({ name }) => factorOf(scales, name));
}

/** The gates as the layers use them, each times its layer's factor. @returns {number[][]} */
export function scaledUnits(units, factors) {
  return units.map((gates, layer) => gates.map((gate) => gate * factors[layer]));
}

/** Second minus first, by layer and unit. @returns {number[][]} */
export function differencesOf(first, second) {
  return first.map((gates, layer) => gates.map((gate, unit) => second[layer][unit] - gate));
}

/** The largest size of a number, of `least` or more, which keeps noise from filling a scale. */
export function largestSize(rows, least = 0) {
  return rows.reduce((largest, row) => row.reduce((size, value) => Math.max(size, Math.abs(value)), largest), least);
}
