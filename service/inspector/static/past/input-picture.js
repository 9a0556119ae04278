// A recorded input as a picture or a list of columns.

import { element } from "../elements.js";
import { drawPicture } from "../picture.js";
import { dataTable } from "../tables.js";

/**
 * @param {import("../store.js").Instance} instance
 * @param {{low: number|null, high: number|null}} range of the pixels, where it is known
 */
export function inputPicture(instance, range) {
  if (!Array.isArray(instance)) return columns(instance);
  const name = `The recorded input, ${instance.length} by ${instance[0].length} pixels`;
  const canvas = element("canvas", { class: "pixels", role: "img", "aria-label": name });
  drawPicture(canvas, instance, range);
  return canvas;
}

function columns(instance) {
  const shown = (value) => (value === null ? element("span", { class: "muted" }, "missing") : String(value));
  const rows = Object.entries(instance).map(([name, value]) => [name, shown(value)]);
  return dataTable("The recorded input", ["Column", "Value"], rows, { hidden: ["caption", "head"] });
}
