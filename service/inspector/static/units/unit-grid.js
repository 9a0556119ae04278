// Geometry of the heat map: cells of one size, layers down, units across.

const CELL_WIDTH = { least: 4, most: 40 }; // CSS pixels
const CELL_HEIGHT = { least: 6, most: 26 };
const HEIGHT = 320; // what the cells share, where they do not need more
const LABEL_HEIGHT = 16;
const LABEL_STEPS = [1, 2, 5, 10];

/**
 * @typedef {Object} UnitGrid
 * @property {number[]} widths units of each layer
 * @property {number} columns units of the widest layer
 * @property {number} cellWidth CSS pixels
 * @property {number} cellHeight CSS pixels
 * @property {number} labelStep every how many layers there is room for a name
 */

/** Fit the cells into the available CSS pixels; wide layers need scrolling. @returns {UnitGrid} */
export function fitGrid(widths, available) {
  const columns = Math.max(...widths);
  const cellWidth = within(CELL_WIDTH, Math.floor(available / columns));
  const cellHeight = within(CELL_HEIGHT, Math.floor(HEIGHT / widths.length));
  const labelStep = LABEL_STEPS.find((step) => step * cellHeight >= LABEL_HEIGHT);
  return { widths, columns, cellWidth, cellHeight, labelStep };
}

/** The rectangle of a unit. */
export function boxOf({ cellWidth, cellHeight }, layer, unit) {
  return { left: unit * cellWidth, top: layer * cellHeight, width: cellWidth, height: cellHeight };
}

/** The unit at a point, or null beside the cells. @returns {{row: number, column: number}|null} */
export function unitAt({ widths, cellWidth, cellHeight }, x, y) {
  const row = Math.floor(y / cellHeight);
  const column = Math.floor(x / cellWidth);
  return column >= 0 && column < (widths[row] ?? 0) ? { row, column } : null;
}

function within({ least, most }, size) {
  return Math.min(most, Math.max(least, size));
}

