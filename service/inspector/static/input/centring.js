// Ink centred as in the training pictures of MNIST: scaled to a box, its centre of mass in the middle.

import { scalePart } from "./scaling.js";

const BOX = 20 / 28; // MNIST's digits fill 20 of 28 pixels
const LEAST_INK = 0.02; // less is no ink
const NEARLY = 1e-4; // pixels

/**
 * Centre ink in a picture: crop it to its bounding box, scale its longer side by area averaging to
 * 20/28 of the picture's shorter side, and shift its centre of mass to the middle, by whole pixels
 * and without cutting ink off. `tests/inspector/centring.py` computes the same in Python.
 *
 * @param {ArrayLike<number>} ink height × width cells, 0 to 1
 * @param {{width: number, height: number}} grid size of `ink`
 * @param {{width: number, height: number}} picture size of the result
 * @returns {Float32Array} ink of the picture, row by row, 0 to 1
 */
export function centre(ink, grid, picture) {
  const centred = new Float32Array(picture.width * picture.height);
  const box = boundingBox(ink, grid);
  if (box === null) return centred;
  const side = Math.max(1, rounded(BOX * Math.min(picture.width, picture.height)));
  const factor = side / Math.max(box.width, box.height);
  const width = Math.max(1, rounded(box.width * factor));
  const height = Math.max(1, rounded(box.height * factor));
  const scaled = scalePart(ink, grid.width, box, width, height);
  const middle = centreOfMass(scaled, width, height);
  const left = offset(picture.width, width, middle.x);
  const top = offset(picture.height, height, middle.y);
  for (let row = 0; row < height; row += 1) {
    const line = scaled.subarray(row * width, (row + 1) * width);
    centred.set(line, (top + row) * picture.width + left);
  }
  return centred;
}

/**
 * The smallest box that contains all ink, in cells; null without ink.
 *
 * @returns {{left: number, top: number, width: number, height: number}|null}
 */
function boundingBox(ink, { width, height }) {
  let [left, top, right, bottom] = [width, height, -1, -1];
  for (let row = 0; row < height; row += 1) {
    for (let column = 0; column < width; column += 1) {
      if (ink[row * width + column] < LEAST_INK) continue;
      left = Math.min(left, column);
      right = Math.max(right, column);
      top = Math.min(top, row);
      bottom = row;
    }
  }
  return right < 0 ? null : { left, top, width: right - left + 1, height: bottom - top + 1 };
}

function centreOfMass(ink, width, height) {
  let [sum, x, y] = [0, 0, 0];
  for (let row = 0; row < height; row += 1) {
    for (let column = 0; column < width; column += 1) {
      const value = ink[row * width + column];
      sum += value;
      x += value * (column + 0.5);
      y += value * (row + 0.5);
    }
  }
  return { x: x / sum, y: y / sum };
}

/** Where ink of this size begins so that its centre of mass is in the middle of the picture. */
function offset(picture, size, middle) {
  return Math.min(picture - size, Math.max(0, rounded(picture / 2 - middle)));
}

// Symmetric ink is often exactly between two pixels: the last digits of a sum must not decide.
function rounded(value) {
  return Math.floor(value + 0.5 + NEARLY);
}
