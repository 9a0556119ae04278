// What if: layers closed or scaled, and what the answer would then be.

import { writeAttribute, writeText } from "../attributes.js";
import { element, fill } from "../elements.js";
import { Panel } from "../panel.js";
import { closedFrom, factorOf, shownWhatIf, toggled, withFactor } from "../scales.js";
import { store } from "../store.js";
import { uncapital } from "../words.js";
import { ChangeList } from "./change-list.js";
import { changeTitle, consequence, stillChanged } from "./words.js";

const SLIDER_MAX = 2;
const SLIDER_STEP = 0.05;
const FACTOR_MAX = 10; // the API's

class WhatIfControls extends Panel {
  static follows = ["model", "layer", "scales", "answer", "whatIf"];

  #model = null;

  build() {
    this.#model = null;
    const button = (text, onclick) => element("button", { type: "button", onclick }, text);
    this.open = button("Open all", () => this.#set({}));
    this.close = button("Close all", () => this.#set(closedFrom({}, this.#model.layers, 0)));
    this.last = element("select", { id: "last-open" });
    this.rest = button("Close", () => this.#closeAfter());
    this.layer = element("select", { id: "scaled-layer", onchange: () => this.#choose() });
    this.toggle = button("Close it", () => this.#set(toggled(store.state.scales, this.#chosen.name)));
    this.slider = element("input", {
      id: "factor-slider", type: "range", min: 0, max: SLIDER_MAX, step: SLIDER_STEP,
      oninput: () => this.#scale(this.slider.valueAsNumber),
    });
    this.number = element("input", {
      id: "factor", type: "number", min: 0, max: FACTOR_MAX, step: "any", "aria-describedby": "factor-hint",
      oninput: () => this.#readNumber(), onblur: () => this.#showFactor(store.state),
    });
    this.hint = element("p", { id: "factor-hint", class: "muted" });
    this.list = new ChangeList();
    this.list.node.addEventListener("emptied", () => this.layer.focus());
    this.consequence = element("p", { class: "consequence" });
    this.#arrange();
  }

  #arrange() {
    const label = (target, text) => element("label", { for: target.id }, text);
    const all = element("div", { class: "choices" },
      this.open, this.close,
      element("span", { class: "after" },
        label(this.last, "Close all after"), this.last, this.rest));
    const one = element("div", { class: "choices" },
      element("span", { class: "after" }, label(this.layer, "Layer"), this.layer, this.toggle),
      element("span", { class: "after" }, label(this.slider, "Multiply its gates by"), this.slider,
        element("label", { for: this.number.id, class: "unseen" }, "Exact factor"), this.number));
    fill(this,
      element("h2", {}, "What if a layer were closed?"),
      element("p", {}, "Closing a layer means it passes its input on unchanged. The answer follows at once, and the " +
        "original stays beside it. What you try here is not recorded."),
      all, one, this.hint, this.list.node, this.consequence);
  }

  render(state) {
    this.hidden = state.model === null;
    if (state.model === null) return;
    if (this.#model !== state.model) this.#showModel(state.model);
    this.#showFactor(state);
    this.list.show(state.scales, state.model.layers);
    this.#showConsequence(state);
  }

  #showModel(model) {
    this.#model = model;
    const options = model.layers.map(({ name }, index) => element("option", { value: index }, name));
    fill(this.layer, ...options);
    fill(this.last, ...options.slice(0, -1).map((option) => option.cloneNode(true)));
    this.last.disabled = this.rest.disabled = model.layers.length === 1;
  }

  get #index() {
    const { layer } = store.state;
    return layer !== null && layer < this.#model.layers.length ? layer : 0;
  }

  get #chosen() {
    return this.#model.layers[this.#index];
  }

  #showFactor({ scales }) {
    const factor = factorOf(scales, this.#chosen.name);
    const index = String(this.#index);
    if (this.layer.value !== index) this.layer.value = index;
    if (this.slider.valueAsNumber !== Math.min(factor, SLIDER_MAX)) this.slider.value = factor;
    writeAttribute(this.slider, "aria-valuetext", factorText(factor));
    const isTyping = document.activeElement === this.number && [factor, null].includes(this.#typed());
    if (!isTyping) this.number.value = factor;
    writeText(this.toggle, factor === 0 ? "Open it" : "Close it");
    this.#showHint(this.#typed() !== null);
    const { length } = Object.keys(scales);
    this.open.disabled = length === 0;
  }

  #showHint(valid) {
    writeAttribute(this.number, "aria-invalid", valid ? null : true);
    writeText(this.hint, valid
      ? "0 closes the layer, 1 leaves it as it is, 2 doubles its gates."
      : `A factor is a number from 0 to ${FACTOR_MAX}.`);
  }

  #showConsequence(state) {
    const { model, answer, scales } = state;
    const whatIf = shownWhatIf(state);
    const changed = Object.keys(scales).length > 0;
    this.consequence.hidden = !changed;
    if (!changed) return;
    writeText(this.consequence, answer === null || whatIf === null
      ? `${stillChanged(scales)} Draw or choose an input to see the answer.`
      : `${changeTitle(whatIf.scales)}, ${uncapital(consequence(answer, whatIf, model.labels))}`);
  }

  #typed() {
    const { value, valueAsNumber } = this.number;
    return value !== "" && valueAsNumber >= 0 && valueAsNumber <= FACTOR_MAX ? valueAsNumber : null;
  }

  #readNumber() {
    const factor = this.#typed();
    if (factor === null) this.#showHint(false);
    else this.#scale(factor);
  }

  #choose() {
    store.update({ layer: Number(this.layer.value) });
  }

  #scale(factor) {
    const index = this.#index;
    store.update({ layer: index, scales: withFactor(store.state.scales, this.#chosen.name, factor) });
    this.#showHint(true);
  }

  #closeAfter() {
    this.#set(closedFrom(store.state.scales, this.#model.layers, Number(this.last.value) + 1));
  }

  #set(scales) {
    store.update({ scales });
  }
}

function factorText(factor) {
  return factor === 0 ? "0, closed" : String(factor);
}

customElements.define("what-if-controls", WhatIfControls);
