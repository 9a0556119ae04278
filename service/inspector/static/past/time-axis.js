// Scales of the time charts.

const STEPS = [1, 2, 5, 10];

/** The end of an axis from 0 that holds the value: 1, 2 or 5 times a power of ten. */
export function niceEnd(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return STEPS.map((step) => step * power).find((end) => end >= value * 0.999999);
}

/**
 * The pieces of a line, broken where there is no value.
 *
 * @param {{x: number, y: number|null}[]} points in pixels
 * @returns {string} the path
 */
export function linePath(points) {
  let broken = true;
  let path = "";
  for (const { x, y } of points) {
    if (y !== null) path += `${broken ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}`;
    broken = y === null;
  }
  return path;
}

/** The index of the time nearest to `time`, in rising times. */
export function nearest(times, time) {
  let best = 0;
  times.forEach((each, index) => {
    if (Math.abs(each - time) < Math.abs(times[best] - time)) best = index;
  });
  return best;
}
