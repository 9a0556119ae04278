// A decoded picture as a model's input: scaled, inverted and centred where that is wanted.

import { centre } from "./centring.js";
import { FINE_SIDE, instanceOf, sizeOf } from "./drawing.js";
import { brightness, channel } from "./picture-files.js";
import { scale } from "./scaling.js";

const BORDER = 0.08; // of a side; what is there is paper, not ink
const NOISE = 0.05; // above the paper's level, no ink either

/**
 * @typedef {{width: number, height: number, colours: Uint8ClampedArray}} Pixels
 * @typedef {{inverted: boolean, centred: boolean}} Choices
 */

/**
 * The picture as an instance of the model's size. It keeps its proportions: what it leaves free has
 * the mean level of its border.
 *
 * @param {Pixels} pixels
 * @param {import("./drawing.js").Picture} picture
 * @param {Choices} choices centred: for grey models only
 */
export function scaled(pixels, picture, { inverted, centred }) {
  const size = sizeOf(picture);
  const fit = (grid) => fitted(grid, pixels, size);
  const level = inverted ? (value) => 1 - value : (value) => value;
  if (size.channels === 1) {
    const grey = brightness(pixels.colours).map(level);
    return instanceOf(centred ? centredInk(grey, pixels, size) : fit(grey), picture);
  }
  const channels = Array.from({ length: size.channels }, (_, index) => fit(channel(pixels.colours, index)).map(level));
  const levels = new Float32Array(size.width * size.height * size.channels);
  return instanceOf(levels.map((_, at) => channels[at % size.channels][Math.floor(at / size.channels)]), picture);
}

/** Whether a picture with its proportions leaves a part of the model's picture free. */
export function hasMargins(pixels, picture) {
  const size = sizeOf(picture);
  const part = fittedSize(pixels, size);
  return part.width < size.width || part.height < size.height;
}

function fittedSize({ width, height }, size) {
  const factor = Math.min(size.width / width, size.height / height);
  return { width: Math.max(1, Math.round(factor * width)), height: Math.max(1, Math.round(factor * height)) };
}

function fitted(grid, pixels, size) {
  const part = fittedSize(pixels, size);
  const levels = scale(grid, pixels.width, pixels.height, part.width, part.height);
  const around = border(grid, pixels);
  const mean = around.reduce((sum, level) => sum + level, 0) / around.length;
  const whole = new Float32Array(size.width * size.height).fill(mean);
  const [left, top] = [(size.width - part.width) >> 1, (size.height - part.height) >> 1];
  for (let row = 0; row < part.height; row += 1) {
    const line = levels.subarray(row * part.width, (row + 1) * part.width);
    whole.set(line, (top + row) * size.width + left);
  }
  return whole;
}

/** Whether the picture's border is light: dark ink on light paper. */
export function hasLightPaper(pixels) {
  const levels = border(brightness(pixels.colours), pixels);
  return levels.reduce((sum, level) => sum + level, 0) > 0.5 * levels.length;
}

function centredInk(grey, { width, height }, size) {
  const factor = Math.min(1, FINE_SIDE / Math.max(width, height));
  const grid = { width: Math.max(1, Math.round(factor * width)), height: Math.max(1, Math.round(factor * height)) };
  const levels = scale(grey, width, height, grid.width, grid.height);
  return centre(withoutPaper(levels, grid), grid, size);
}

/** Levels from 0, the paper with its shades and grain, to 1, the ink. */
function withoutPaper(levels, grid) {
  const paper = quantile(border(levels, grid), 0.9);
  const low = paper === 0 ? 0 : paper + NOISE;
  const high = quantile(levels, 0.999);
  return levels.map((level) => Math.min(1, Math.max(0, (level - low) / Math.max(NOISE, high - low))));
}

function border(levels, { width, height }) {
  const depth = { x: Math.max(1, Math.round(BORDER * width)), y: Math.max(1, Math.round(BORDER * height)) };
  return levels.filter((_, at) => {
    const [column, row] = [at % width, Math.floor(at / width)];
    return column < depth.x || row < depth.y || column >= width - depth.x || row >= height - depth.y;
  });
}

function quantile(values, share) {
  const sorted = Float32Array.from(values).sort();
  return sorted[Math.floor(share * (sorted.length - 1))];
}
