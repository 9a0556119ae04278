// Which columns of a table's row the label depends on, and a change that changes it.

import { element, fill } from "../elements.js";
import { dataTable, scrollBox } from "../tables.js";
import { changeText, theLabel, valueText } from "../words.js";
import { ChangeBar } from "./change-bar.js";
import { changeTable } from "./change-table.js";
import { changeSentence, columnSentence } from "./explanation-sentences.js";

const FEW = 12; // columns that are shown of many, those that matter most

export class ColumnBars {
  #inputs = null;
  #prediction = null;
  #all = false;

  /** `onTry` gets the changes, [{name, value, changed_to}]. */
  constructor({ onTry }) {
    this.sentence = element("p");
    this.part = element("p", { class: "muted" },
      "The table is large: only the columns that matter most were replaced alone.");
    this.columns = scrollBox("Columns replaced");
    this.columns.classList.add("column-bars");
    this.more = element("button", { type: "button", onclick: () => this.#toggle() });
    this.change = element("p");
    this.tryIt = element("button", { type: "button", onclick: () => onTry(this.#inputs.counterfactual.changes) },
      "Try this change");
    this.numbers = scrollBox("Numbers of the columns");
    this.root = element(
      "div", { class: "columns" },
      element("h3", {}, "Which columns matter?"),
      element("p", { class: "muted" }, "Each column is replaced by a usual value, or left out, one at a time."),
      this.sentence, this.part,
      this.columns, this.more, this.change, this.tryIt,
      element("details", {}, element("summary", {}, "Numbers of the columns"), this.numbers),
    );
  }

  show(inputs, prediction) {
    if (this.#inputs === inputs) return;
    this.#inputs = inputs;
    this.#prediction = prediction;
    this.#all = false;
    fill(this.sentence, columnSentence(inputs, prediction.label));
    this.part.hidden = inputs.complete;
    fill(this.change, changeSentence(inputs.counterfactual));
    this.tryIt.hidden = inputs.counterfactual === null;
    this.more.hidden = inputs.columns.length <= FEW;
    fill(this.numbers, changeTable("column replaced", inputs.columns));
    this.#draw();
  }

  #toggle() {
    this.#all = !this.#all;
    this.#draw();
  }

  #draw() {
    const { columns, decisive_columns: decisive } = this.#inputs;
    const shown = this.#all || columns.length <= FEW ? columns : strongest(columns);
    fill(this.more, this.#all ? `Show the ${FEW} that matter most` : `Show all ${columns.length} columns`);
    const decides = shown.map(({ name }) => decisive.includes(name));
    const heads = ["column", "value", "replaced by", "", "change", "label"];
    const rows = shown.map((column, index) => cellsOf(column, this.#prediction, decides[index]));
    const table = dataTable("Columns replaced", heads, rows, { hidden: ["caption"] });
    decides.forEach((isDecisive, row) => table.tBodies[0].rows[row].classList.toggle("decisive", isDecisive));
    fill(this.columns, table);
  }
}

function strongest(columns) {
  const size = ({ probability_change: change }) => Math.abs(change);
  const chosen = new Set(columns.toSorted((a, b) => size(b) - size(a)).slice(0, FEW));
  return columns.filter((column) => chosen.has(column));
}

function cellsOf(column, prediction, decisive) {
  const bar = new ChangeBar();
  bar.show(prediction.probability, column.probability);
  return [
    column.name, valueText(column.value), valueText(column.replaced_by),
    bar.root, changeText(column.probability_change),
    decisive ? `becomes ${theLabel(column.label)}` : theLabel(column.label),
  ];
}
