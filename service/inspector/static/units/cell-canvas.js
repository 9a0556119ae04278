// Cells of colour on a canvas of one pixel for each, which the style sheet enlarges without blur.

import { colourOf } from "./colour-scale.js";

/**
 * Draw numbers as cells.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {number[][]} rows of any lengths; what is missing stays transparent
 * @param {import("./colour-scale.js").Scale} scale
 */
export function drawCells(canvas, rows, scale) {
  const width = Math.max(...rows.map((row) => row.length));
  const image = new ImageData(width, rows.length);
  const pixels = new Uint32Array(image.data.buffer);
  rows.forEach((row, index) => {
    for (let column = 0; column < row.length; column++) {
      pixels[index * width + column] = colourOf(scale, row[column]);
    }
  });
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== rows.length) canvas.height = rows.length;
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** Draw the colours of a scale from left to right, as its legend. */
export function drawScale(canvas, { colours }) {
  canvas.width = colours.length;
  canvas.height = 1;
  const image = new ImageData(colours.length, 1);
  new Uint32Array(image.data.buffer).set(colours);
  canvas.getContext("2d").putImageData(image, 0, 0);
}
