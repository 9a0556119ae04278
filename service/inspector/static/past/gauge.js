// A layer's gauge: the usual range is its middle third, as on the highway, so that narrow ranges can be seen.

import { svg } from "../elements.js";
import { deviation, gaugePlace } from "../highway/gauge.js";

const MIDDLE = [1 / 3, 2 / 3]; // places of the ends of the usual range
const WHOLE = { low: 1 / 3, high: 2 / 3 }; // as a usual range, it makes a gauge from 0 to 1
const DOT = "M0-4.5a4.5 4.5 0 1 0 .01 0Z";
const DIAMOND = "M0-5.5L5.5 0L0 5.5L-5.5 0Z";
const SHAPES = { above: "M6 0L-4-6V6Z", below: "M-6 0L4-6V6Z" };

/** The position of a value from 0 to 1, kept inside the picture. */
export function position(value) {
  return `${Math.round(10_000 * Math.min(1, Math.max(0, value))) / 100}%`;
}

/**
 * Return a gauge of a layer: its usual range, its openness, and the openness in a what-if. It is a
 * percentage wide, so it grows with the page; without a usual range it reaches from 0 to 1.
 *
 * @param {{value: number, usual: {low: number, high: number}|null, whatIf: number|null}} gate
 */
export function gateGauge({ value, usual, whatIf }) {
  const { low, high } = usual ?? WHOLE;
  const at = (openness) => position(gaugePlace(openness, low, high));
  const [begin, width] = [MIDDLE[0], MIDDLE[1] - MIDDLE[0]].map(position);
  const shape = usual === null ? DOT : (SHAPES[sideOf(value, usual)] ?? DOT);
  return svg(
    "svg",
    { class: "gauge", "aria-hidden": "true" },
    svg("line", { class: "track", x1: 0, x2: "100%", y1: "50%", y2: "50%" }),
    usual && svg("rect", { class: "usual", x: begin, width, y: "15%", height: "70%" }),
    marker("value", at(value), shape),
    whatIf === null ? null : marker("what-if", at(whatIf), DIAMOND),
  );
}

/** "above" or "below" the usual range, or "usual"; of a recorded layer, the mean alone is known. */
export function sideOf(value, { low, high }) {
  return deviation(value, low, high, 1).kind;
}

/** A shape around a point: an inner picture, because a path has no percentages. */
function marker(name, x, path) {
  return svg("svg", { x, y: "50%", overflow: "visible" }, svg("path", { class: name, d: path }));
}
