// The patches of an explained picture: their pixels, and which one matters most.

/**
 * The patch whose replacement changes the probability most.
 *
 * @param {import("./explanations.js").ExplainedPatches} inputs
 */
export function strongestPatch({ tops, lefts, label, probability_change: changes }) {
  let found = { row: 0, column: 0 };
  changes.forEach((row, i) => row.forEach((change, j) => {
    if (Math.abs(change) > Math.abs(changes[found.row][found.column])) found = { row: i, column: j };
  }));
  const { row, column } = found;
  return {
    ...found, top: tops[row], left: lefts[column], change: changes[row][column], replacedLabel: label[row][column],
  };
}

/** The strongest change of the patches over each pixel, which overlap. @returns {number[][]} */
export function pixelEffects({ patch, tops, lefts, probability_change: changes }, height, width) {
  const effects = Array.from({ length: height }, () => new Array(width).fill(0));
  tops.forEach((top, i) => lefts.forEach((left, j) => {
    const change = changes[i][j];
    for (let y = top; y < top + patch[0]; y++) {
      for (let x = left; x < left + patch[1]; x++) {
        if (Math.abs(change) > Math.abs(effects[y][x])) effects[y][x] = change;
      }
    }
  }));
  return effects;
}

/** Where a patch is, in words: "at the top left", "in the middle". */
export function placeOf(top, left, patch, height, width) {
  const third = (start, size, side) => Math.min(2, Math.floor((3 * (start + size / 2)) / side));
  const down = ["top", "middle", "bottom"][third(top, patch[0], height)];
  const across = ["left", "middle", "right"][third(left, patch[1], width)];
  if (down === "middle" && across === "middle") return "in the middle";
  if (across === "middle") return `at the ${down}, in the middle`;
  if (down === "middle") return `at the ${across}, halfway up`;
  return `at the ${down} ${across}`;
}

/** The patch whose middle is nearest to a point of the picture, in pixels. */
export function patchAt({ patch, tops, lefts }, x, y) {
  return { row: nearest(tops, y - patch[0] / 2), column: nearest(lefts, x - patch[1] / 2) };
}

function nearest(starts, wanted) {
  return starts.reduce((best, start, index) =>
    Math.abs(start - wanted) < Math.abs(starts[best] - wanted) ? index : best, 0);
}
