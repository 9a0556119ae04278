// A row's typicality in words, with a marker that does not depend on colour.

import { element } from "../elements.js";
import { levelOf } from "../typicality.js";

const COUNTED = 0.001; // the smallest share that a few thousand held-out rows can show

/** How a row compares with held-out rows: "more typical than 86 %", "like 3 in 1,000". */
export function comparedText(combined) {
  if (levelOf(combined).marker === "") return `more typical than ${Math.min(99, Math.floor(100 * combined))} %`;
  if (combined < 1e-6) return "like fewer than 1 in 1,000,000 (estimated)";
  const of = combined < COUNTED ? 10 ** Math.ceil(-Math.log10(combined)) : 1000;
  const text = `like ${Math.max(1, Math.round(combined * of))} in ${of.toLocaleString("en")}`;
  return combined < COUNTED ? `${text} (estimated)` : text;
}

/** The level, and the comparison with held-out rows. */
export function typicalityElement(typicality) {
  if (typicality === null) return element("span", { class: "muted" }, "not known");
  const { combined } = typicality;
  const { name, marker } = levelOf(combined);
  return element(
    "span",
    { class: "typicality", "data-level": name, title: `combined p-value ${combined}` },
    marker ? element("span", { class: "marker", "aria-hidden": "true" }, `${marker} `) : null,
    name,
    element("span", { class: "muted" }, `, ${comparedText(combined)}`),
  );
}
