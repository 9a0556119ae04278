// Strokes, which are vectors, as grids of ink: independent of the screen, its scale and its zoom.

/** @typedef {import("../store.js").Stroke} Stroke */

/**
 * Draw strokes with a round pen; each cell has the share of its area that is covered.
 *
 * @param {Stroke[]} strokes points in units of the drawing area, 0 to 1
 * @param {{width: number, height: number, pen: number}} grid its size in cells; the pen's width
 *   in units of the grid's shorter side
 * @returns {Float32Array} ink of height × width cells, row by row, 0 to 1
 */
export function rasterise(strokes, { width, height, pen }) {
  const ink = new Float32Array(width * height);
  const radius = (pen * Math.min(width, height)) / 2;
  const placed = ({ x, y, pressure = 1 }) => ({ x: x * width, y: y * height, radius: radius * pressure });
  for (const stroke of strokes) {
    const points = stroke.map(placed);
    points.forEach((end, index) => cover(ink, width, height, points[Math.max(0, index - 1)], end));
  }
  return ink;
}

/**
 * The longer side of the box around all points, in units of the drawing area.
 *
 * @param {Stroke[]} strokes
 */
export function extent(strokes) {
  const sides = ["x", "y"].map((axis) => {
    let [least, most] = [Infinity, -Infinity];
    for (const stroke of strokes) {
      for (const point of stroke) {
        least = Math.min(least, point[axis]);
        most = Math.max(most, point[axis]);
      }
    }
    return most - least;
  });
  return Math.max(0, ...sides);
}

/** Cover the cells near the line from one point to another; overlapping ink does not add up. */
function cover(ink, width, height, from, to) {
  const reach = Math.max(from.radius, to.radius) + 1;
  const left = Math.max(0, Math.floor(Math.min(from.x, to.x) - reach));
  const right = Math.min(width, Math.ceil(Math.max(from.x, to.x) + reach));
  const top = Math.max(0, Math.floor(Math.min(from.y, to.y) - reach));
  const bottom = Math.min(height, Math.ceil(Math.max(from.y, to.y) + reach));
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const squared = dx * dx + dy * dy;
  for (let row = top; row < bottom; row += 1) {
    for (let column = left; column < right; column += 1) {
      const [x, y] = [column + 0.5 - from.x, row + 0.5 - from.y];
      const along = squared === 0 ? 0 : Math.min(1, Math.max(0, (x * dx + y * dy) / squared));
      const radius = from.radius + along * (to.radius - from.radius);
      const distance = Math.hypot(x - along * dx, y - along * dy);
      const share = Math.min(1, 2 * radius, radius - distance + 0.5);
      const cell = row * width + column;
      if (share > ink[cell]) ink[cell] = share;
    }
  }
}
