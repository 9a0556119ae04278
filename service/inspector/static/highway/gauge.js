// A layer's openness against its usual range, on a scale that is magnified around the range.

import { LEVELS, levelOf } from "../typicality.js";

const RANGES_SHOWN = 3; // the usual range is the middle third of the gauge
const MIN_RANGE = 1e-6; // of a range whose ends are equal

/**
 * The place of a value on the gauge, 0 to 1; the usual range reaches from 1/3 to 2/3. A value
 * beyond the gauge is at its end.
 */
export function gaugePlace(value, low, high) {
  const range = Math.max(high - low, MIN_RANGE);
  const place = 0.5 + (value - (low + high) / 2) / (RANGES_SHOWN * range);
  return Math.min(1, Math.max(0, place));
}

/**
 * How a layer's gates deviate from what is usual: "above" and "below" are about the usual range,
 * "unusual" means that the mean is in the range, but the single gates are not usual.
 * @param {number} value mean gate
 * @param {number|null} low lower end of the usual range; null without a range
 * @param {number|null} high upper end
 * @param {number} typicality p-value of the layer's gates
 * @returns {{kind: "usual"|"above"|"below"|"unusual", strong: boolean}}
 */
export function deviation(value, low, high, typicality) {
  if (low === null) return { kind: "usual", strong: false };
  const strong = levelOf(typicality) === LEVELS[0];
  if (value > high) return { kind: "above", strong };
  if (value < low) return { kind: "below", strong };
  return { kind: strong ? "unusual" : "usual", strong };
}

/** Values with as many decimals, 2 to 6, as tell those apart that differ. */
export function distinctDigits(values) {
  for (let digits = 2; digits < 6; digits += 1) {
    const shown = values.map((value) => value.toFixed(digits));
    if (new Set(shown).size === new Set(values).size) return shown;
  }
  return values.map((value) => value.toFixed(6));
}
