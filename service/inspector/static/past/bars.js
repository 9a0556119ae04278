// Bars of the drift view; their widths are percentages, so they grow with the page.

import { svg } from "../elements.js";
import { THRESHOLD_PLACE } from "./drift-numbers.js";
import { position } from "./gauge.js";

/** The evidence of a test, 0 to 1 or null, against the line of the threshold. */
export function evidenceBar(value, drifting) {
  const line = position(THRESHOLD_PLACE);
  return svg(
    "svg",
    { class: "bar", "aria-hidden": "true" },
    value === null
      ? null
      : svg("rect", { class: drifting ? "over" : "seen", width: position(value), y: "25%", height: "50%" }),
    svg("line", { class: "threshold", x1: line, x2: line, y1: 0, y2: "100%" }),
  );
}

/** A share of the window's rows above the expected share; `scale` is the share of the full width. */
export function shareBars(share, expected, scale) {
  return svg(
    "svg",
    { class: "bar pair", "aria-hidden": "true" },
    svg("rect", { class: "seen", width: position((share ?? 0) / scale), y: "5%", height: "42%" }),
    svg("rect", { class: "expected", width: position(expected / scale), y: "53%", height: "42%" }),
  );
}
