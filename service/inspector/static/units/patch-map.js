// Which parts of a picture the label depends on: colours over the picture, and a table.

import { element, fill } from "../elements.js";
import { points } from "../numbers.js";
import { screenPixels } from "../picture.js";
import { dataTable, scrollBox } from "../tables.js";
import { changeText, theLabel } from "../words.js";
import { drawScale } from "./cell-canvas.js";
import { colourOf, differenceScale } from "./colour-scale.js";
import { patchSentence } from "./explanation-sentences.js";
import { GridCursor } from "./grid-cursor.js";
import { patchAt, pixelEffects, placeOf, strongestPatch } from "./patches.js";
import { largestSize } from "./units.js";

const SIDE = 224; // CSS pixels of the longer side, at least one for each pixel
const LEAST = 0.0005; // smaller changes do not fill the scale

export class PatchMap {
  #inputs = null;

  constructor() {
    this.canvas = element("canvas");
    this.sentence = element("p");
    this.readout = element("p", { class: "readout" });
    this.cursor = new GridCursor({
      label: "Parts of the picture", canvas: this.canvas, onLook: (cell) => this.#readOut(cell),
    });
    this.scale = element("canvas", { "aria-hidden": "true" });
    this.numbers = element("div");
    this.table = scrollBox("Change by part of the picture");
    this.root = element(
      "div", { class: "patches" },
      element("h3", {}, "Which part of the picture matters?"),
      element("p", { class: "muted" },
        "Each part is replaced by the usual background, one at a time. Blue: the probability of the label falls " +
        "without the part. Red: it rises. The part with the largest change has a frame."),
      this.sentence,
      element("div", { class: "patch-columns" },
        element("div", { class: "picture-scroll" }, this.cursor.host),
        element("div", {}, element("div", { class: "legend" }, this.scale, this.numbers), this.readout)),
      element("details", {}, element("summary", {}, "Numbers of the parts"), this.table),
    );
  }

  /** Draw the effects over the picture. */
  show(inputs, prediction, instance, bounds) {
    if (this.#inputs === inputs) return;
    this.#inputs = inputs;
    const height = instance.length;
    const width = instance[0].length;
    const effects = pixelEffects(inputs, height, width);
    const scale = differenceScale(largestSize(effects, LEAST));
    this.#draw(instance, bounds, effects, scale);
    drawScale(this.scale, scale);
    fill(this.numbers, element("span", {}, points(scale.low)), element("span", {}, "0"),
      element("span", {}, points(scale.high)));
    const strongest = strongestPatch(inputs);
    const place = placeOf(strongest.top, strongest.left, inputs.patch, height, width);
    fill(this.sentence, patchSentence(inputs, strongest, place, prediction.label));
    this.#place(inputs, height, width, strongest);
    fill(this.table, tableOf(inputs, prediction.label));
  }

  #place(inputs, height, width, strongest) {
    const size = Math.max(1, Math.floor(SIDE / Math.max(height, width)));
    this.cursor.host.style.setProperty("--cell-width", `${size}px`);
    this.cursor.host.style.setProperty("--cell-height", `${size}px`);
    this.cursor.host.style.setProperty("--columns", width);
    this.cursor.host.style.setProperty("--rows", height);
    const [patchHeight, patchWidth] = inputs.patch;
    this.cursor.show({
      rows: inputs.tops.length,
      columns: () => inputs.lefts.length,
      box: ({ row, column }) => ({
        left: inputs.lefts[column] * size, top: inputs.tops[row] * size,
        width: patchWidth * size, height: patchHeight * size,
      }),
      at: (x, y) => patchAt(inputs, x / size, y / size),
      name: (cell) => this.#nameOf(cell),
    }, strongest);
    this.#readOut(null);
  }

  #draw(instance, bounds, effects, scale) {
    const [height, width] = [effects.length, effects[0].length];
    this.canvas.width = width;
    this.canvas.height = height;
    const image = new ImageData(width, height);
    const picture = screenPixels(instance, bounds);
    const colours = Uint32Array.from(effects.flat(), (effect) => colourOf(scale, effect));
    const overlay = new Uint8Array(colours.buffer);
    // The picture's ink darkens the colours, so that both are seen.
    image.data.set(overlay.map((value, i) => (i % 4 === 3 ? 255 : value * (1 - 0.55 * (picture[i] / 255)))));
    this.canvas.getContext("2d").putImageData(image, 0, 0);
  }

  #nameOf({ row, column }) {
    const { tops, lefts, patch, label, probability_change: changes } = this.#inputs;
    const rows = `rows ${tops[row]} to ${tops[row] + patch[0] - 1}`;
    const columns = `columns ${lefts[column]} to ${lefts[column] + patch[1] - 1}`;
    return `${rows}, ${columns}: ${changeText(changes[row][column])}, label ${theLabel(label[row][column])}`;
  }

  #readOut(cell) {
    const name = cell === null ? "Point at a part or use the arrow keys to read its number." : this.#nameOf(cell);
    fill(this.readout, name);
  }
}

function tableOf({ tops, lefts, label: labels, probability_change: changes }, label) {
  const rows = tops.map((top, i) => [top, ...changes[i].map((change, j) =>
    (labels[i][j] === label ? change : `${change}, label ${theLabel(labels[i][j])}`))]);
  return dataTable("Change of the probability with the part replaced that begins at a row and column",
    ["first row", ...lefts.map((left) => `column ${left}`)], rows);
}
