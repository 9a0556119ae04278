// The input of a table model: a form with a field for each column, and paste of a CSV row.

import { element, fill } from "../elements.js";
import { Panel } from "../panel.js";
import { store } from "../store.js";
import { readRow, RowError } from "./csv-row.js";
import { readCell, textOf } from "./column-values.js";
import { tableField } from "./table-fields.js";

const SHOWN = 30; // fields at a time: thousands would take seconds
const FILTERED_FROM = 20; // fewer columns need no filter

class TableInput extends Panel {
  static follows = ["input"];

  #columns = store.state.model.input.columns;
  #format = store.state.model.input.text ?? {};
  #usual = store.state.model.usualInputs;
  #started = false; // the usual values are filled in once
  #input = null; // the one that is shown
  #values = this.#columns.map(() => null);
  #faulty = new Map(); // what was typed and does not fit, by index of the column
  #fields = new Map(); // those in the document, by index of the column
  #shown = SHOWN;
  #frame = null;

  #filter = element("input", { type: "search", id: "column-filter", oninput: () => this.#list(SHOWN) });
  #found = element("p", { class: "muted", role: "status" });
  #form = element("div", { class: "fields" });
  #more = button("Show more columns", () => this.#list(this.#shown + SHOWN));
  #row = element("textarea", { id: "csv-row", rows: 3, spellcheck: "false" });
  #message = element("p", { class: "message", role: "status" });

  build() {
    const many = this.#columns.length > FILTERED_FROM;
    fill(
      this,
      element("h2", {}, "Fill in a row"),
      element("p", { class: "muted" }, this.#usual === null
        ? "An empty field is a missing value."
        : "The form starts with usual values. “Usually” names the range of 8 of 10 training rows."),
      many && element("p", { class: "filter" },
        element("label", { for: "column-filter" }, "Find a column"), this.#filter),
      this.#found,
      this.#form,
      this.#more,
      element("div", { class: "tools" },
        this.#usual && button("Usual values", () => this.#fill(this.#usualRow())),
        button("Empty all", () => this.#fill(this.#columns.map(() => null)))),
      element("details", { class: "csv" },
        element("summary", {}, "Paste a CSV row"),
        element("label", { for: "csv-row" }, "One row; its header row may be above it"),
        this.#row,
        button("Use this row", () => this.#readRow())),
      this.#message,
    );
    this.#list(SHOWN);
    this.signal.addEventListener("abort", () => cancelAnimationFrame(this.#frame));
  }

  render({ input }) {
    const isFirst = !this.#started;
    this.#started = true;
    if (isFirst && input === null && this.#usual !== null) this.#fill(this.#usualRow());
    else if (input !== this.#input) this.#adopt(input);
  }

  /** Show a row that others set, such as a recorded one; all gaps without. */
  #adopt(input) {
    this.#input = input;
    this.#faulty.clear();
    this.#values = this.#columns.map((column) => valueOf(input?.values, column));
    this.#showValues();
    if (input !== null && store.state.instance === null) this.#send();
  }

  #fill(values) {
    this.#values = values;
    this.#faulty.clear();
    this.#showValues();
    this.#say("");
    this.#send();
  }

  #showValues() {
    for (const [index, field] of this.#fields) field.show(this.#values[index]);
  }

  #usualRow() {
    return this.#columns.map((column, index) => readCell(textOf(this.#usual.usual[index], column), column));
  }

  #change(index, value, text) {
    if (value === undefined) this.#faulty.set(index, text);
    else {
      this.#faulty.delete(index);
      this.#values[index] = value;
    }
    this.#frame ??= requestAnimationFrame(() => this.#send());
  }

  /** Set the row as the input; a row of gaps only, or with a text that does not fit, is not sent. */
  #send() {
    cancelAnimationFrame(this.#frame);
    this.#frame = null;
    if (this.#faulty.size > 0) {
      store.update({ instance: null });
      return;
    }
    const empty = this.#values.every((value) => value === null);
    // Object.fromEntries: a column may be named "__proto__".
    const values = Object.fromEntries(this.#columns.map(({ name }, index) => [name, this.#values[index]]));
    this.#input = empty ? null : { kind: "row", values };
    store.update({ input: this.#input, instance: empty ? null : values });
  }

  #readRow() {
    try {
      const { values, note } = readRow(this.#row.value, this.#columns, this.#format);
      this.#fill(values);
      this.#say(note);
    } catch (error) {
      if (!(error instanceof RowError)) throw error;
      this.#say(error.message, true);
    }
  }

  #say(text, failed = false) {
    this.#message.textContent = text;
    this.#message.classList.toggle("failed", failed);
  }

  /** List the fields of the columns that the filter finds, at most `count`. */
  #list(count) {
    const sought = this.#filter.value.trim().toLowerCase();
    const found = [];
    this.#columns.forEach(({ name }, index) => {
      if (name.toLowerCase().includes(sought)) found.push(index);
    });
    const listed = found.slice(0, count);
    this.#shown = count;
    this.#fields = new Map(listed.map((index) => [index, this.#fields.get(index) ?? this.#field(index)]));
    fill(this.#form, listed.map((index) => this.#fields.get(index).node));
    this.#more.hidden = listed.length === found.length;
    const all = this.#columns.length.toLocaleString("en");
    const some = `${listed.length} of ${all} columns are shown; the others keep their values.`;
    const none = `None of the ${all} columns has this in its name.`;
    this.#found.textContent = found.length === 0 ? none : listed.length < this.#columns.length ? some : "";
  }

  #field(index) {
    const field = tableField({
      column: this.#columns[index],
      index,
      values: this.#usual?.values[index] ?? [],
      mayMiss: this.#usual?.missing[index] ?? true,
      format: this.#format,
    }, (value, text) => this.#change(index, value, text));
    if (this.#faulty.has(index)) field.showText(this.#faulty.get(index));
    else field.show(this.#values[index]);
    return field;
  }
}

function button(text, onclick) {
  return element("button", { type: "button", onclick }, text);
}

/** A column's value in a row of the API: booleans are the categories "true" and "false". */
function valueOf(row, { name }) {
  if (row === undefined || !Object.hasOwn(row, name)) return null;
  const value = row[name];
  return typeof value === "boolean" ? String(value) : value;
}

customElements.define("table-input", TableInput);
