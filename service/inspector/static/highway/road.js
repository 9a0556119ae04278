// Geometry of the highway: how layers fold into rows, and the outlines of their streams.
//
// A layer's own coordinates begin at the top left corner of the stream that enters it; y grows
// downwards. All lengths are in CSS pixels.

const MIN_CELL = 44;
const MAX_CELL = 176;
const WIDE_CELL = 76; // from here on there is room for words beside the numbers
const MIN_STREAM = 26;
const MAX_STREAM = 56;
const NARROW_PANEL = 480;
const TITLE_HEIGHT = 22;
const FOOT_HEIGHT = 60; // openness, gauge and mark
const ROW_GAP = 16;
const JOINT = 0.04; // of a cell's width: where the stream is whole, at both ends
const RAMP = 0.33; // of a cell's width: where the transformed part leaves or joins
const SEAM = 0.6; // the joints reach below the bend, or the background would show between them
const LINK_WIDTH = 6; // of the road from one row to the next
const FUNNEL = 14;

/**
 * @typedef {Object} Layout
 * @property {number} columns layers in a full row
 * @property {number} rows
 * @property {number} cell width of a layer
 * @property {boolean} wide whether there is room for words
 * @property {number} stream width of the whole stream
 * @property {number} gap between the straight road and a bend
 * @property {number} start x of the first layer of every row
 * @property {number} end width of the place for the label, after the last layer
 * @property {number} rowHeight
 * @property {number} width of the picture
 * @property {number} height of the picture
 */

/**
 * Fold `count` layers into rows of the panel's width.
 * @returns {Layout}
 */
export function roadLayout(panelWidth, count) {
  const narrow = panelWidth < NARROW_PANEL;
  const start = narrow ? 48 : 76;
  const end = narrow ? 44 : 84;
  const room = Math.max(MIN_CELL, panelWidth - start - end);
  const most = Math.max(1, Math.floor(room / MIN_CELL));
  const rows = Math.ceil(count / most);
  const columns = Math.ceil(count / rows);
  const cell = Math.min(MAX_CELL, Math.floor(room / columns));
  const stream = Math.round(Math.min(MAX_STREAM, Math.max(MIN_STREAM, 0.46 * cell)));
  const gap = Math.round(0.24 * stream);
  const rowHeight = TITLE_HEIGHT + gap + 2 * stream + FOOT_HEIGHT + ROW_GAP;
  const height = rows * rowHeight - ROW_GAP;
  return {
    columns, rows, cell, wide: cell >= WIDE_CELL, stream, gap, start, end, rowHeight,
    width: start + columns * cell + end, height,
  };
}

/** The top left corner of a layer's stream in the picture. */
export function layerPosition(layout, index) {
  const row = Math.floor(index / layout.columns);
  const column = index % layout.columns;
  return { x: layout.start + column * layout.cell, y: roadTop(layout, row) };
}

/** The y of the stream's upper edge in a row. */
export function roadTop({ rowHeight, gap, stream }, row) {
  return row * rowHeight + TITLE_HEIGHT + gap + stream;
}

/** The y of a layer's title, in the layer's own coordinates. */
export function titleTop({ gap, stream }) {
  return -gap - stream - TITLE_HEIGHT;
}

/** The outline of the transformed part, `share` of the stream, 0 to 1. */
export function bendPath(layout, share) {
  const { a, b, c, d } = columnsOf(layout);
  const width = share * layout.stream;
  const outer = -layout.gap - width;
  const inner = -layout.gap;
  return `M${a} 0${ramp(a, 0, b, outer)}H${c}${ramp(c, outer, d, 0)}V${text(width)}` +
    `${ramp(d, width, c, inner)}H${b}${ramp(b, inner, a, width)}Z`;
}

/** The outline of the carried part, 1 − `share` of the stream, and of the joints. */
export function carriedPath(layout, share) {
  const { a, d } = columnsOf(layout);
  const { cell, stream } = layout;
  const top = text(share * stream);
  const [left, right] = [text(Number(a) + SEAM), text(d - SEAM)];
  return `M0 0H${left}V${top}H${right}V0H${cell}V${stream}H0Z`;
}

/** The region in which the outer edge of a usual bend lies; at least 2 pixels high. */
export function usualPath(layout, low, high) {
  const { a, b, c, d } = columnsOf(layout);
  const missing = Math.max(0, 2 - (high - low) * layout.stream) / 2;
  const upper = -layout.gap - high * layout.stream - missing;
  const lower = -layout.gap - low * layout.stream + missing;
  return `M${a} 0${ramp(a, 0, b, upper)}H${c}${ramp(c, upper, d, 0)}` +
    `${ramp(d, 0, c, lower)}H${b}${ramp(b, lower, a, 0)}Z`;
}

/** The road from the end of a row to the beginning of the next. */
export function linkPath(layout, row) {
  const { start, columns, cell, stream, rowHeight } = layout;
  const right = start + columns * cell;
  const middle = roadTop(layout, row) + stream / 2;
  const between = roadTop(layout, row) + stream + FOOT_HEIGHT + ROW_GAP / 2;
  const next = middle + rowHeight;
  const turn = ROW_GAP / 2;
  return `M${right + FUNNEL} ${middle}q${turn} 0 ${turn} ${turn}V${between - turn}q0 ${turn} ${-turn} ${turn}` +
    `H${start - FUNNEL}q${-turn} 0 ${-turn} ${turn}V${next - turn}q0 ${turn} ${turn} ${turn}`;
}

/** Where a row's stream narrows to the road to the next row, and widens again there. */
export function funnelPath(layout, row) {
  const { start, columns, cell, stream, rowHeight } = layout;
  const right = start + columns * cell;
  const top = roadTop(layout, row);
  return funnel(right, right + FUNNEL, top, stream) + funnel(start, start - FUNNEL, top + rowHeight, stream);
}

/** The road from the input's picture to the first layer, and from the last layer to the label. */
export function endPaths(layout, count) {
  const { stream, cell, start } = layout;
  const top = roadTop(layout, 0);
  const last = layerPosition(layout, count - 1);
  const right = last.x + cell;
  const tip = right + FUNNEL;
  return {
    entry: `M${start - FUNNEL} ${top}H${start}V${top + stream}H${start - FUNNEL}Z`,
    exit: `M${right} ${last.y}L${tip} ${last.y + stream / 2}L${right} ${last.y + stream}Z`,
  };
}

/** The width of the road between rows. */
export const linkWidth = LINK_WIDTH;

/** The places of the lines below a layer, in its own coordinates. */
export function footLines({ stream }) {
  return { openness: stream + 16, gauge: stream + 30, mark: stream + 52 };
}

function columnsOf({ cell }) {
  const a = JOINT * cell;
  const b = a + RAMP * cell;
  return { a: text(a), b: text(b), c: text(cell - b), d: text(cell - a) };
}

/** A curve that begins and ends horizontally. */
function ramp(x0, y0, x1, y1) {
  const middle = text((Number(x0) + Number(x1)) / 2);
  return `C${middle} ${text(y0)} ${middle} ${text(y1)} ${x1} ${text(y1)}`;
}

function funnel(x0, x1, top, stream) {
  const upper = top + (stream - LINK_WIDTH) / 2;
  const lower = upper + LINK_WIDTH;
  return `M${x0} ${top}${ramp(x0, top, x1, upper)}V${text(lower)}${ramp(x1, lower, x0, top + stream)}Z`;
}

/** A number with at most two decimals; "0" for −0. */
function text(value) {
  return String(Math.round(value * 100) / 100 + 0);
}
