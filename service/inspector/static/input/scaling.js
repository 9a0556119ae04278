// Grids of numbers scaled by area averaging: each new cell is the mean of what lies below it.

/**
 * Scale a part of a grid.
 *
 * @param {ArrayLike<number>} grid rows × `width` cells
 * @param {number} width of the grid
 * @param {{left: number, top: number, width: number, height: number}} part that is scaled
 * @param {number} newWidth
 * @param {number} newHeight
 * @returns {Float32Array} newHeight × newWidth cells
 */
export function scalePart(grid, width, part, newWidth, newHeight) {
  const columns = shares(part.width, newWidth);
  const rows = shares(part.height, newHeight);
  const scaled = new Float32Array(newWidth * newHeight);
  const line = new Float64Array(part.width);
  for (let row = 0; row < newHeight; row += 1) {
    line.fill(0);
    for (const { index, share } of rows[row]) {
      const start = (part.top + index) * width + part.left;
      for (let column = 0; column < part.width; column += 1) line[column] += share * grid[start + column];
    }
    for (let column = 0; column < newWidth; column += 1) {
      let sum = 0;
      for (const { index, share } of columns[column]) sum += share * line[index];
      scaled[row * newWidth + column] = sum;
    }
  }
  return scaled;
}

/** Scale a whole grid. */
export function scale(grid, width, height, newWidth, newHeight) {
  if (width === newWidth && height === newHeight) return Float32Array.from(grid);
  return scalePart(grid, width, { left: 0, top: 0, width, height }, newWidth, newHeight);
}

/** For each of `count` new cells, the old cells below it and their shares, which add up to 1. */
function shares(size, count) {
  const step = size / count;
  return Array.from({ length: count }, (_, cell) => {
    const [start, end] = [cell * step, (cell + 1) * step];
    const below = [];
    for (let index = Math.floor(start); index < Math.min(size, Math.ceil(end)); index += 1) {
      const share = (Math.min(end, index + 1) - Math.max(start, index)) / step;
      if (share > 1e-9) below.push({ index, share });
    }
    return below;
  });
}
