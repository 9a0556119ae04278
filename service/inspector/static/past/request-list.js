// The list of past requests: pages of rows, newest or most unusual first, with the ledger's gaps.

import { announce } from "../announcement.js";
import { send } from "../api.js";
import { element, fill } from "../elements.js";
import { percent } from "../numbers.js";
import { Panel } from "../panel.js";
import { store } from "../store.js";
import { keyOf, rowsAndGaps } from "./ledger-rows.js";
import { malformed, problem } from "./problem.js";
import { labelsSentence, nextQuery, queryOf } from "./request-query.js";
import { tagList } from "./tags.js";
import { timeElement } from "./times.js";
import { typicalityElement } from "./typicality.js";

const EMPTY_PAGES = 10; // read in a row until one has a row; the reader may go on
const COLUMNS = ["Time", "Id", "Label", "Probability", "Typicality", "Tags", "Endpoint", "Model"];

class RequestList extends Panel {
  static follows = ["model", "filters", "record"];

  #table;
  #body;
  #below;
  #more;
  #query = null;
  #source = null; // the filters and the digest of the rows that are shown
  #request = null;
  #page = { rows: [], gaps: [], next: null };
  #shown = new Map(); // table rows by key

  build() {
    this.#body = element("tbody");
    this.#table = element(
      "table",
      {},
      element("caption", { class: "unseen" }),
      element("thead", {}, element("tr", {}, ...COLUMNS.map((name) => element("th", { scope: "col" }, name)))),
      this.#body,
    );
    this.#more = element("button", { type: "button", onclick: () => this.#readMore() }, "More");
    this.#below = element("div", { class: "below" });
    fill(this, this.#table, this.#below);
  }

  render({ model, filters, record }) {
    if (model === null) return;
    const source = `${model.digest} ${model.name} ${model.version} ${JSON.stringify(filters)}`;
    if (source !== this.#source) {
      this.#source = source;
      this.#showOrder(filters);
      this.reload();
    }
    this.#markCurrent(record);
  }

  /** Read the first page again. */
  reload() {
    const { filters, model } = store.state;
    this.#query = queryOf(filters, model, new Date());
    return this.#read(this.#query, { rows: [], gaps: [], next: null });
  }

  /** Whether a problem is shown in place of rows. */
  get hasFailed() {
    return this.#below.querySelector(".problem") !== null;
  }

  /** Show other tags of a row, as after it was flagged. */
  showTags(name, tags) {
    const row = this.#page.rows.find((candidate) => keyOf(candidate) === keyOf(name));
    const shown = this.#shown.get(keyOf(name));
    if (row === undefined || shown === undefined) return;
    row.tags = tags;
    fill(shown.querySelector(".tags"), tagList(tags));
  }

  /** Focus the row, or the list where it is not shown. */
  focusRow(name) {
    const shown = name && this.#shown.get(keyOf(name));
    (shown?.querySelector("button") ?? this.#table.querySelector("button"))?.focus();
  }

  #readMore() {
    return this.#read(nextQuery(this.#query, this.#page.next), this.#page);
  }

  async #read(query, before) {
    this.#request?.abort();
    const request = (this.#request = new AbortController());
    const signal = AbortSignal.any([request.signal, this.signal]);
    this.setAttribute("aria-busy", "true");
    try {
      const page = await this.#rowsAfter(query, before, signal);
      if (signal.aborted) return;
      this.#show(page, before.rows.length);
    } catch (error) {
      if (signal.aborted) return;
      this.#table.hidden = before.rows.length === 0;
      fill(this.#below, problem(error, () => this.#read(query, before)));
    }
    this.setAttribute("aria-busy", "false");
  }

  async #rowsAfter(query, before, signal) {
    let page = await readPage(query, signal);
    for (let number = 1; page.requests.length === 0 && page.next !== null && number < EMPTY_PAGES; number++) {
      page = await readPage(nextQuery(this.#query, page.next), signal);
    }
    return { rows: [...before.rows, ...page.requests], gaps: page.gaps, next: page.next };
  }

  #showOrder({ sort }) {
    const order = sort === "typicality" ? { Typicality: "ascending" } : { Time: "descending" };
    for (const header of this.#table.querySelectorAll("thead th")) {
      const direction = order[header.textContent];
      if (direction) header.setAttribute("aria-sort", direction);
      else header.removeAttribute("aria-sort");
    }
    const words = sort === "typicality" ? "most unusual first" : "newest first";
    fill(this.#table.caption, `Past requests, ${words}`);
  }

  #show(page, shownBefore) {
    this.#page = page;
    const { rows, gaps, next } = page;
    const newestFirst = !store.state.filters.sort;
    const before = shownBefore > 0 ? this.#shown : new Map();
    this.#shown = new Map();
    const lines = rowsAndGaps(rows, gaps, { newestFirst, complete: next === null });
    fill(this.#body, ...lines.map((line) => (line.gap ? gapRow(line.gap) : this.#rowOf(line.row, before))));
    this.#table.hidden = lines.length === 0;
    const count = `${rows.length.toLocaleString("en")} request${rows.length === 1 ? "" : "s"}`;
    const text = next === null ? `${count}.` : `${count} so far.`;
    fill(
      this.#below,
      element("p", { class: "muted" }, rows.length === 0 ? nothing(next) : text),
      next !== null && this.#more,
    );
    this.#markCurrent(store.state.record);
    if (shownBefore > 0 && rows.length > shownBefore)
      this.#shown.get(keyOf(rows[shownBefore])).querySelector("button").focus();
    announce(rows.length === 0 ? nothing(next) : text.slice(0, -1));
  }

  #rowOf(row, before) {
    const shown = before.get(keyOf(row)) ?? tableRow(row);
    this.#shown.set(keyOf(row), shown);
    return shown;
  }

  #markCurrent(record) {
    for (const [key, shown] of this.#shown) {
      if (record !== null && key === keyOf(record)) shown.setAttribute("aria-current", "true");
      else shown.removeAttribute("aria-current");
    }
  }
}

async function readPage(query, signal) {
  const page = await send(`requests?${query}`, { signal });
  if (!Array.isArray(page?.requests) || !Array.isArray(page.gaps) || !page.requests.every(isRow)) throw malformed();
  return { ...page, next: page.next ?? null };
}

function isRow(row) {
  return typeof row?.id === "string" && typeof row.label === "string" && Array.isArray(row.tags);
}

function tableRow(row) {
  const button = element("button", { type: "button", class: "link" }, row.id);
  const open = () => {
    button.focus(); // a click beside it opens the row, too
    store.update({ record: { id: row.id, row: row.row, time: row.time } });
  };
  const place = row.rows > 1 ? element("span", { class: "muted" }, ` row ${row.row + 1} of ${row.rows}`) : null;
  return element(
    "tr",
    { onclick: open },
    element("td", { class: "time" }, timeElement(row.time)),
    element("th", { scope: "row", class: "id" }, button, place),
    element("td", { class: "label" }, row.label),
    element("td", { class: "probability", title: String(row.probability) }, percent(row.probability)),
    element("td", { class: "how-usual" }, typicalityElement(row.typicality)),
    element("td", { class: "tags" }, tagList(row.tags)),
    element("td", { class: "endpoint" }, row.endpoint),
    element("td", { class: "version" }, `${row.model_name} ${row.model_version}`),
  );
}

function gapRow({ began, ended, rows, reason }) {
  const count = `${rows.toLocaleString("en")} row${rows === 1 ? " was" : "s were"} lost`;
  const cell = element(
    "td",
    { colspan: COLUMNS.length },
    `${count} between `,
    timeElement(began),
    " and ",
    timeElement(ended),
  );
  cell.append(`: ${reason}`);
  return element("tr", { class: "gap" }, cell);
}

function nothing(next) {
  const { filters, model } = store.state;
  const isUnknown = filters.label && filters.models !== "*" && !model.labels.includes(filters.label);
  if (isUnknown) return `No requests have the label “${filters.label}”; ${labelsSentence(model.labels)}.`;
  return next === null ? "No requests match." : "No request found so far; a part of the ledger is not searched yet.";
}

customElements.define("request-list", RequestList);
