// A chart of a few series over time: lines, an axis, and a cursor with its numbers.

import { element, fill, svg } from "../elements.js";
import { linePath, nearest, niceEnd } from "./time-axis.js";
import { localTime } from "./times.js";

const HEIGHT = 120;
const MARGIN = { top: 8, right: 8, bottom: 8, left: 8 };

/**
 * @typedef {Object} Series
 * @property {string} name
 * @property {(interval: Object) => number|null} value
 */

export class TimeChart {
  #title;
  #series;
  #format;
  #choose;
  #picture = svg("svg", { height: HEIGHT, role: "img" });
  #readout = element("dl", { class: "readout" });
  #end = element("p", { class: "axis muted", "aria-hidden": "true" });
  #span = element("p", { class: "axis span muted", "aria-hidden": "true" });
  #intervals = [];
  #shown = null; // index of the interval whose numbers are shown
  #width = 320; // of the picture in pixels, until it is in the document

  /**
   * @param {Object} chart
   * @param {string} chart.title
   * @param {Series[]} chart.series
   * @param {(value: number|null) => string} chart.format
   * @param {(index: number|null) => void} chart.choose called where the pointer is; null where it left
   */
  constructor({ title, series, format, choose }) {
    this.#title = title;
    this.#series = series;
    this.#format = format;
    this.#choose = choose;
    this.node = element(
      "section",
      { class: "card chart" },
      element("h2", {}, title),
      this.#readout,
      this.#end,
      this.#picture,
      this.#span,
    );
    this.#picture.addEventListener("pointermove", (event) => this.#point(event));
    this.#picture.addEventListener("pointerleave", () => choose(null));
  }

  /** Show other intervals, and the numbers of one of them. */
  update(intervals, shown, series = this.#series) {
    this.#intervals = intervals;
    this.#series = series;
    this.#shown = shown;
    this.#draw();
  }

  /** Draw for the width that the chart has now; reading it at each drawing would cost a layout. */
  fit() {
    const width = this.#picture.clientWidth;
    if (width === 0 || width === this.#width) return;
    this.#width = width;
    this.#draw();
  }

  #draw() {
    const values = this.#series.map(({ value }) => this.#intervals.map(value));
    const end = niceEnd(Math.max(...values.flat().filter((value) => value !== null), 0));
    const y = (value) =>
      value === null ? null : HEIGHT - MARGIN.bottom - (value / end) * (HEIGHT - MARGIN.top - MARGIN.bottom);
    fill(
      this.#picture,
      gridLine(MARGIN.top),
      gridLine(HEIGHT - MARGIN.bottom),
      ...this.#intervals.map(({ restarted }, index) => restarted && this.#vertical(index, "restart")),
      ...values.map((line, index) =>
        svg("path", {
          class: `line line-${index}`,
          d: linePath(line.map((value, place) => ({ x: this.#x(place), y: y(value) }))),
        }),
      ),
      this.#intervals.length > 0 && this.#vertical(this.#shown, "cursor"),
      ...values.map((line, index) => this.#dot(line, index, y)),
    );
    fill(this.#end, this.#intervals.length > 0 ? `top: ${this.#format(end)}` : "");
    const ends = this.#intervals.length > 1 ? [this.#intervals[0], this.#intervals.at(-1)] : [];
    fill(this.#span, ...ends.map(({ time }) => element("span", {}, localTime(time))));
    this.#read(values);
  }

  #x(index) {
    const first = this.#intervals[0].time;
    const span = this.#intervals.at(-1).time - first || 1;
    const width = this.#width - MARGIN.left - MARGIN.right;
    return MARGIN.left + (this.#intervals.length === 1 ? 1 : (this.#intervals[index].time - first) / span) * width;
  }

  #vertical(index, name) {
    const x = this.#x(index);
    return svg("line", { class: name, x1: x, x2: x, y1: MARGIN.top, y2: HEIGHT - MARGIN.bottom });
  }

  #dot(line, index, y) {
    const value = line[this.#shown];
    if (value === undefined || value === null) return null;
    return svg("circle", { class: `dot line-${index}`, cx: this.#x(this.#shown), cy: y(value), r: 3.5 });
  }

  #read(values) {
    const numbers = this.#series.map(({ name }, index) => [name, this.#format(values[index][this.#shown] ?? null)]);
    fill(
      this.#readout,
      ...numbers.map(([name, text], index) =>
        element("div", {}, key(index), element("dt", {}, name), element("dd", {}, text)),
      ),
    );
    const words = numbers.map(([name, text]) => `${name} ${text}`).join(", ");
    this.#picture.setAttribute("aria-label", `${this.#title}: ${words}`);
  }

  #point(event) {
    if (this.#intervals.length === 0) return;
    const places = this.#intervals.map((_, index) => this.#x(index));
    this.#choose(nearest(places, event.offsetX));
  }
}

function gridLine(y) {
  return svg("line", { class: "grid", x1: 0, x2: "100%", y1: y, y2: y });
}

function key(index) {
  return svg(
    "svg",
    { class: "key", width: 20, height: 8, "aria-hidden": "true" },
    svg("line", { class: `line line-${index}`, x1: 0, x2: 20, y1: 4, y2: 4 }),
  );
}
