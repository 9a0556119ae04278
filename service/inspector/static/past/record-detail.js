// One recorded row: its label, gates, probabilities, timing and tags, and a what-if of its input.

import { announce } from "../announcement.js";
import { send } from "../api.js";
import { element, fill } from "../elements.js";
import { percent } from "../numbers.js";
import { Panel } from "../panel.js";
import { store } from "../store.js";
import { dataTable } from "../tables.js";
import { factList, folded } from "./cards.js";
import { keyOf } from "./ledger-rows.js";
import { malformed, problem } from "./problem.js";
import { entriesIn, namesOf } from "./record-names.js";
import { isAddressable, recordPath } from "./record-path.js";
import "./record-tags.js";
import "./record-what-if.js";
import { fullTime, timeElement } from "./times.js";
import { typicalityElement } from "./typicality.js";

class RecordDetail extends Panel {
  static follows = ["record", "model"];

  #record = null;
  #isCompared = false; // whether the model was known, whose ranges are shown
  #heading;
  #content;

  build() {
    this.#heading = element("h2", { tabindex: -1 });
    this.#content = element("div", { class: "record" });
    const close = () => this.dispatchEvent(new CustomEvent("record-closed", { detail: this.#record }));
    const closer = element("button", { type: "button", class: "close", onclick: close }, "Back to the list");
    fill(this, element("header", {}, this.#heading, closer), this.#content);
    this.addEventListener("keydown", (event) => event.key === "Escape" && close());
  }

  render({ record, model }) {
    this.hidden = record === null;
    if (record === this.#record && this.#isCompared === (model !== null)) return;
    this.#isCompared = model !== null;
    const isOther = record?.id !== this.#record?.id;
    this.#record = record;
    if (record === null) return;
    fill(this.#heading, `Request ${record.id}`);
    if (isOther) fill(this.#content);
    if (document.activeElement?.closest("request-list")) this.#heading.focus(); // not after a link
    this.#read();
  }

  async #read() {
    const record = this.#record;
    if (!isAddressable(record.id)) {
      this.setAttribute("aria-busy", "false"); // another may have been under way
      fill(
        this.#content,
        element("p", {}, "The address of a request cannot have this id, so only the list shows it."),
      );
      return;
    }
    this.setAttribute("aria-busy", "true");
    try {
      const request = await send(recordPath(record.id), { signal: this.signal });
      if (!Array.isArray(request?.rows) || !request.rows.every(isRow)) throw malformed();
      if (record === this.#record) this.#show(request, record);
    } catch (error) {
      if (this.signal.aborted) return;
      const again = () => this.#read();
      if (record === this.#record) fill(this.#content, problem(error, again));
    }
    if (record === this.#record) this.setAttribute("aria-busy", "false");
  }

  #show({ rows, more }, record) {
    const row = rows.find((candidate) => keyOf(candidate) === keyOf(record));
    const choosesRow = document.activeElement?.id === "past-row";
    if (row === undefined) {
      fill(
        this.#content,
        rowChoice(rows, record, more),
        element("p", {}, "The server shows the first 1,000 rows of an id; this row is not one of them."),
      );
      return;
    }
    const tags = element("record-tags");
    const whatIf = element("record-what-if");
    const reason = element("p", { class: "reason", hidden: true });
    const input = element("div", { class: row.input_stored ? "recorded-input kept" : "recorded-input" });
    fill(
      this.#content,
      rows.length > 1 || more ? rowChoice(rows, row, more) : null,
      element("div", { class: "overview" }, summary(row), input),
      reason,
      tags,
      whatIf,
      numbers(row),
    );
    tags.row = row;
    whatIf.show(row, { input, reason });
    if (choosesRow) this.#content.querySelector("#past-row").focus();
    announce(`Request ${row.id}: label ${row.label}, ${percent(row.probability)}`);
  }
}

function summary(row) {
  const pairs = [
    ["Label", element("strong", {}, row.label), `, ${percent(row.probability)}`],
    ["Typicality", typicalityElement(row.typicality)],
    ["Time", timeElement(row.time)],
    ["Model", `${row.model_name} version ${row.model_version}, ${row.endpoint}`],
    row.weight === 1
      ? null
      : ["Stands for", `${Number(row.weight.toPrecision(3)).toLocaleString("en")} rows of the traffic`],
  ];
  return factList(pairs);
}

function rowChoice(rows, shown, more) {
  const options = rows.map((row, index) =>
    element(
      "option",
      { value: index, selected: keyOf(row) === keyOf(shown) },
      `row ${row.row + 1} of ${row.rows}, ${fullTime(row.time)}: ${row.label}`,
    ),
  );
  const open = ({ target }) => {
    const { id, row, time } = rows[target.value];
    store.update({ record: { id, row, time } });
  };
  const all = () => store.update({ filters: { id: shown.id, models: "*" }, record: null });
  return element(
    "div",
    { class: "row-choice" },
    element("label", { for: "past-row" }, "Rows with this id"),
    element("select", { id: "past-row", onchange: open }, ...options),
    more ? element("button", { type: "button", onclick: all }, "List all rows of this id") : null,
  );
}

function isRow(row) {
  return typeof row?.id === "string" && typeof row.label === "string" && Array.isArray(row.tags);
}

function numbers(row) {
  const names = namesOf(row, store.state.model);
  const layers = names?.layers ?? null;
  const timing = Object.entries(row.timing_ms ?? {});
  return folded(
    "Numbers",
    numberTable("Probabilities", "Label", "Probability", entriesIn(names?.labels ?? null, row.probabilities)),
    numberTable("Mean transform gate of each layer", "Layer", "Openness", entriesIn(layers, row.gate_mean)),
    row.gate_scale
      ? numberTable("Gate scale of this what-if request", "Layer", "Factor", Object.entries(row.gate_scale))
      : null,
    row.typicality ? numberTable("Typicality", "Part", "p-value", Object.entries(row.typicality)) : null,
    timing.length > 0
      ? numberTable(
          "Time of the request",
          "Phase",
          "Milliseconds",
          timing.filter(([name]) => name !== "batch_rows"),
        )
      : null,
    timing.length > 0
      ? element("p", { class: "muted" }, `Computed in a batch of ${row.timing_ms.batch_rows} rows.`)
      : null,
  );
}

function numberTable(title, name, unit, entries) {
  return dataTable(title, [name, unit], entries);
}

customElements.define("record-detail", RecordDetail);
