// Which layers and inputs decide the label.

import { element, fill } from "../elements.js";
import { Panel } from "../panel.js";
import { store } from "../store.js";
import { scrollBox } from "../tables.js";
import { aLabel, theLabel } from "../words.js";
import { changeTable } from "./change-table.js";
import { ColumnBars } from "./column-bars.js";
import { layerSentences } from "./explanation-sentences.js";
import { explain } from "./explanations.js";
import { LayerBars, MANY } from "./layer-bars.js";
import { PatchMap } from "./patch-map.js";

const TITLE = "Which layers decide this label?";

class ExplanationPanel extends Panel {
  static follows = ["model", "instance", "answer", "explanation", "scales"];

  #shown = null;
  #requests = 0; // under way; the button names the newest

  build() {
    this.heading = element("h2");
    this.request = element("button", { type: "button", class: "primary", onclick: () => this.#explain() }, TITLE);
    this.introduction = element("p", { class: "muted" },
      "The server closes each layer in turn, so that it passes its input on unchanged, and checks whether the label " +
      "changes.");
    this.answer = element("p", { class: "lead" });
    this.reason = element("p");
    this.close = element("button", { type: "button", onclick: () => this.#toggleSet() });
    this.legend = element("p", { class: "muted" });
    this.bars = new LayerBars();
    this.numbers = scrollBox("Numbers of the layers");
    this.layers = element("div", {}, this.answer, this.reason, this.close, this.legend, this.bars.root,
      element("details", {}, element("summary", {}, "Numbers of the layers"), this.numbers));
    this.patches = new PatchMap();
    this.columns = new ColumnBars({ onTry: (changes) => this.#tryChanges(changes) });
    this.result = element("div", { class: "explained" }, this.layers, this.patches.root, this.columns.root);
    fill(this, this.heading, this.introduction, this.request, this.result);
    this.#shown = null;
  }

  render({ model, instance, answer, explanation, scales }) {
    fill(this.heading, answer === null ? "Which layer made it so?" : `Which layer made it ${aLabel(answer.label)}?`);
    this.request.hidden = instance === null || model === null;
    this.result.hidden = explanation === null;
    this.introduction.hidden = explanation !== null;
    if (explanation === null) return;
    const set = explanation.counterfactual?.closed_layers ?? [];
    this.close.hidden = set.length === 0;
    this.close.setAttribute("aria-pressed", String(closesExactly(scales, set)));
    this.bars.show(explanation, scales);
    if (this.#shown !== explanation) this.#show(explanation, model);
    this.#shown = explanation;
  }

  #show(explanation, model) {
    const { prediction, instance, counterfactual, inputs = null } = explanation;
    const { answer, reason } = layerSentences(explanation);
    fill(this.answer, answer);
    fill(this.reason, reason);
    fill(this.close, counterfactual?.closed_layers.length === 1
      ? `Close ${counterfactual.closed_layers[0]}` : "Close these layers");
    fill(this.legend, `Each row closes one layer. The line marks the probability of ${theLabel(prediction.label)} as ` +
      "it is; the bar reaches to what is left of it, and the change is in percentage points. Press a row to close " +
      "its layer above.");
    const closed = explanation.layers.map(({ name, closed: result }) => ({ name, ...result }));
    fill(this.numbers, changeTable("layer closed", closed));
    this.result.classList.toggle("many-layers", explanation.layers.length > MANY);
    this.patches.root.hidden = inputs?.kind !== "patches";
    this.columns.root.hidden = inputs?.kind !== "columns";
    if (inputs?.kind === "patches") this.patches.show(inputs, prediction, instance, model.input);
    if (inputs?.kind === "columns") this.columns.show(inputs, prediction);
  }

  async #explain() {
    const request = ++this.#requests;
    fill(this.request, "Closing each layer in turn …");
    this.request.setAttribute("aria-busy", "true");
    try {
      await explain();
    } finally {
      if (request === this.#requests) {
        fill(this.request, TITLE);
        this.request.removeAttribute("aria-busy");
      }
    }
  }

  #toggleSet() {
    const { scales, explanation } = store.state;
    const set = explanation.counterfactual.closed_layers;
    const closed = Object.fromEntries(set.map((name) => [name, 0]));
    store.update({ scales: closesExactly(scales, set) ? {} : closed });
  }

  #tryChanges(changes) {
    const changed = changes.map(({ name, changed_to: value }) => [name, value]);
    const values = { ...store.state.instance, ...Object.fromEntries(changed) };
    this.request.focus(); // the pressed button goes with the explanation
    store.update({ input: { kind: "row", values }, instance: values });
  }
}

function closesExactly(scales, names) {
  return Object.keys(scales).length === names.length && names.every((name) => scales[name] === 0);
}

customElements.define("explanation-panel", ExplanationPanel);
