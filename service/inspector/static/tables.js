// Tables of names and numbers, as the API has them.

import { writeText } from "./attributes.js";
import { element, fill } from "./elements.js";

const LONG_TABLE = 300; // rows; a longer table follows only when the numbers have come to rest
const REST_MS = 250;

/**
 * Return a table whose first column names the rows; numbers are shown with all their digits.
 *
 * @param {string} caption
 * @param {string[]} columns
 * @param {(string|number|null|Node)[][]} rows null is shown as a dash
 * @param {{hidden?: ("caption"|"head")[]}} [options] parts that only a screen reader gets
 */
export function dataTable(caption, columns, rows, { hidden = [] } = {}) {
  const unseen = (part) => (hidden.includes(part) ? "unseen" : null);
  const isNumber = columns.map((_, index) => rows.some((row) => typeof row[index] === "number"));
  const kind = (index) => (isNumber[index] && index > 0 ? "number" : null);
  const header = (name, index) =>
    (name === "" ? element("td") : element("th", { scope: "col", class: kind(index) }, name));
  const line = ([name, ...values]) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, name),
      ...values.map((value, index) => element("td", { class: kind(index + 1) }, shown(value))),
    );
  return element(
    "table",
    {},
    element("caption", { class: unseen("caption") }, caption),
    element("thead", { class: unseen("head") }, element("tr", {}, ...columns.map(header))),
    element("tbody", {}, ...rows.map(line)),
  );
}

/** A box that scrolls where its content is long, also by the keyboard. */
export function scrollBox(name, ...content) {
  return element("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": name }, ...content);
}

/** A table behind a picture; its rows are made only while it is open. */
export class NumberTable {
  #body = element("tbody");
  #columns;
  #rows = () => [];
  #timer = null;

  /**
   * @param {string} summary what the reader opens
   * @param {{title: string, number?: boolean}[]} columns
   */
  constructor(summary, columns) {
    this.#columns = columns;
    const head = columns.map(({ title, number }) =>
      element("th", { scope: "col", class: number ? "number" : null }, title));
    const table = element("table", {}, element("thead", {}, element("tr", {}, ...head)), this.#body);
    this.summary = element("summary", {}, summary);
    this.node = element("details", { class: "numbers", ontoggle: () => this.#update() }, this.summary,
      scrollBox(summary, table));
  }

  /** Show rows, each a list of strings; `rows` is called when they are needed. */
  show(rows) {
    this.#rows = rows;
    if (!this.node.open) return;
    clearTimeout(this.#timer);
    if (this.#body.children.length <= LONG_TABLE) this.#update();
    else this.#timer = setTimeout(() => this.#update(), REST_MS);
  }

  #update() {
    if (!this.node.open) return;
    const rows = this.#rows();
    if (rows.length !== this.#body.children.length) fill(this.#body, ...rows.map(() => this.#row()));
    rows.forEach((row, index) => {
      const cells = this.#body.children[index].children;
      row.forEach((text, column) => writeText(cells[column], text));
    });
  }

  #row() {
    return element("tr", {}, ...this.#columns.map(({ number }, index) =>
      index === 0 ? element("th", { scope: "row" }) : element("td", { class: number ? "number" : null })));
  }
}

/** A number with the API's digits, or a dash. */
export function digits(value) {
  return value === null || value === undefined ? "–" : String(value);
}

function shown(value) {
  return typeof value === "number" ? String(value) : (value ?? "–");
}
