// A drawing as the pixels that the model takes.

import { centre } from "./centring.js";
import { scale } from "./scaling.js";
import { extent, rasterise } from "./strokes.js";

/**
 * @typedef {import("../store.js").Instance} Instance
 * @typedef {{shape: number[], low: number|null, high: number|null}} Picture of a model's input
 * @typedef {{kind: "strokes", strokes: import("../store.js").Stroke[], pen: number,
 *   centred: boolean, colours?: string[]}} Drawing
 */

export const LEVELS = 255; // as pictures have them
export const INK = "#000000";

/** Cells of a side of the grid that is scaled down: 6 for each of MNIST's pixels. */
export const FINE_SIDE = 168;

// Of the drawing area; the pens are meant for drawings of this size.
const USUAL_EXTENT = 0.65;
const LEAST_EXTENT = 0.1;

/** Width, height and channels of a model's pictures. */
export function sizeOf({ shape }) {
  const [height, width, channels = 1] = shape;
  return { width, height, channels };
}

/**
 * Draw strokes as a model's picture: light ink on dark for a grey one, as MNIST has it; the
 * strokes' colours on white for one with colours.
 *
 * @param {Drawing} drawing
 * @param {Picture} picture
 * @returns {Instance}
 */
export function drawn(drawing, picture) {
  const size = sizeOf(picture);
  const levels = size.channels === 1 ? inkOf(drawing, size) : colouredLevels(drawing, size);
  return instanceOf(levels, picture);
}

/**
 * The instance of levels, row by row, 0 to 1; they become multiples of 1/255, as in pictures.
 *
 * @param {ArrayLike<number>} levels height × width × channels
 * @param {Picture} picture
 * @returns {Instance}
 */
export function instanceOf(levels, picture) {
  const { width, height, channels } = sizeOf(picture);
  const [low, high] = [picture.low ?? 0, picture.high ?? LEVELS];
  const value = (index) => low + (Math.round(LEVELS * levels[index]) * (high - low)) / LEVELS;
  const pixel = (index) => (channels === 1
    ? value(index)
    : Array.from({ length: channels }, (_, channel) => value(index * channels + channel)));
  return Array.from({ length: height }, (_, row) =>
    Array.from({ length: width }, (_, column) => pixel(row * width + column)));
}

/**
 * The pen's width in units of the drawing area. A centred drawing is scaled, but its pen is not:
 * small digits would become blots, which the training pictures are not.
 *
 * @param {Drawing} drawing
 */
function penOf({ strokes, pen, centred }) {
  return centred ? (pen * Math.max(LEAST_EXTENT, extent(strokes))) / USUAL_EXTENT : pen;
}

/** Ink of the picture's cells, 0 to 1. */
function inkOf(drawing, size) {
  const grid = fineGrid(size);
  const ink = rasterise(drawing.strokes, { ...grid, pen: penOf(drawing) });
  return drawing.centred ? centre(ink, grid, size) : scale(ink, grid.width, grid.height, size.width, size.height);
}

/** A multiple of the picture's size, as long as it is small. */
function fineGrid({ width, height }) {
  const factor = Math.max(1, Math.round(FINE_SIDE / Math.max(width, height)));
  return { width: factor * width, height: factor * height };
}

function colouredLevels(drawing, { width, height, channels }) {
  const levels = new Float32Array(width * height * channels).fill(1);
  drawing.strokes.forEach((stroke, index) => {
    const colour = channelsOf(drawing.colours?.[index] ?? INK);
    const ink = inkOf({ ...drawing, strokes: [stroke], centred: false }, { width, height });
    ink.forEach((share, pixel) => {
      colour.forEach((level, channel) => {
        const at = pixel * channels + channel;
        levels[at] += share * (level - levels[at]);
      });
    });
  });
  return levels;
}

/** Red, green and blue of "#rrggbb", 0 to 1. */
function channelsOf(colour) {
  return [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / LEVELS);
}
