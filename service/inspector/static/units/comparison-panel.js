// A pinned answer beside the current one.

import { element, fill } from "../elements.js";
import { Panel } from "../panel.js";
import { dataTable, scrollBox } from "../tables.js";
import { valueText } from "../words.js";
import { ComparedInput } from "./compared-input.js";
import { columnsSentence, differingColumns, labelSentence, largestDifference, layerSentence } from "./comparison.js";
import { GatePairs } from "./gate-pairs.js";
import { current, pin, swap, unpin } from "./pins.js";

class ComparisonPanel extends Panel {
  static follows = ["model", "answer", "pinned"];

  #state = null;

  build() {
    this.pin = element("button", { type: "button", onclick: () => { pin(); this.swap.focus(); } }, "Pin this answer");
    this.note = element("p", { class: "muted" });
    this.quiet = element("div", { class: "quiet-line" }, this.pin, this.note);
    this.swap = element("button", { type: "button", onclick: swap }, "Swap");
    this.unpin = element("button", { type: "button", onclick: () => { unpin(); this.pin.focus(); } }, "Unpin");
    this.words = element("p", { class: "lead" });
    this.layerWords = element("p");
    this.wait = element("p", { class: "muted" }, "Draw or choose another input to compare it with the pinned one.");
    this.sides = [new ComparedInput("Pinned"), new ComparedInput("Current")];
    this.columnWords = element("p");
    this.columns = scrollBox("Columns that differ");
    this.pairs = new GatePairs();
    this.numbers = scrollBox("Numbers of both");
    this.details = element("details", { ontoggle: () => this.#fillNumbers() },
      element("summary", {}, "Numbers of both answers"), this.numbers);
    this.both = element(
      "div", {}, this.words, this.layerWords, this.columnWords, this.columns, this.pairs.root, this.details);
    this.comparison = element(
      "div", { class: "comparison" },
      element("div", { class: "pin-buttons" }, this.swap, this.unpin),
      element("div", { class: "sides" }, ...this.sides.map(({ root }) => root)), this.wait, this.both, heldOut(),
    );
    fill(this, element("h2", {}, "Compare two inputs"), this.quiet, this.comparison);
  }

  render(state) {
    const { model, pinned } = state;
    const shown = current(state);
    const comparable = model !== null && pinned !== null && pinned.answer.gates.length === model.layers.length;
    this.quiet.hidden = comparable;
    this.comparison.hidden = !comparable;
    this.pin.disabled = shown === null;
    fill(this.note, noteOf(shown));
    if (!comparable) return;
    const [pinnedSide, currentSide] = this.sides;
    pinnedSide.show(pinned, model);
    this.both.hidden = shown === null || shown.instance === pinned.instance || shown.answer === pinned.answer;
    currentSide.root.hidden = this.both.hidden;
    this.wait.hidden = !this.both.hidden;
    if (!this.both.hidden) currentSide.show(shown, model);
    this.#state = this.both.hidden ? null : { model, pinned, shown };
    if (!this.both.hidden) this.#compare(model, pinned, shown);
  }

  #compare(model, pinned, shown) {
    fill(this.words, labelSentence(pinned.answer, shown.answer));
    fill(this.layerWords, layerSentence(model.layers, pinned.answer.gates, shown.answer.gates));
    const most = largestDifference(pinned.answer.gates, shown.answer.gates);
    this.pairs.show(model.layers, pinned.answer.gates, shown.answer.gates, most);
    const table = model.input.kind === "table";
    this.columnWords.hidden = !table;
    this.columns.hidden = !table;
    if (table) this.#showColumns(differingColumns(model.input.columns, pinned.instance, shown.instance));
    this.#fillNumbers();
  }

  #showColumns(differing) {
    fill(this.columnWords, columnsSentence(differing));
    this.columns.hidden = differing.length === 0;
    const rows = differing.map(({ name, pinned, current: now }) => [name, valueText(pinned), valueText(now)]);
    const heads = ["column", "pinned", "current"];
    fill(this.columns, dataTable("Columns that differ", heads, rows, { hidden: ["caption"] }));
  }

  #fillNumbers() {
    if (!this.details.open || this.#state === null) return;
    const { model, pinned: { answer: pinned }, shown: { answer: now } } = this.#state;
    const pairs = (names, before, after) => names.map((name, index) => [name, before[index], after[index]]);
    const typicality = Object.keys(pinned.typicality);
    const rows = [
      ...pairs(model.labels.map((label) => `probability of ${label}`), pinned.probabilities, now.probabilities),
      ...pairs(typicality.map((name) => `typicality, ${name}`),
        Object.values(pinned.typicality), Object.values(now.typicality)),
      ...pairs(model.layers.map(({ name }) => `openness of ${name}`), pinned.gates, now.gates),
    ];
    fill(this.numbers, dataTable("Numbers of both", ["", "pinned", "current"], rows, { hidden: ["caption"] }));
  }
}

function noteOf(shown) {
  if (shown === null) return "Once there is an answer, keep it here and compare the next one with it.";
  return "Keep this answer beside the next one, to see which layers work differently.";
}

function heldOut() {
  return element("p", { class: "muted" },
    "Held-out examples were kept out of the training. The fewer of them look as unusual, the more unusual the input " +
    "is.");
}

customElements.define("comparison-panel", ComparisonPanel);
