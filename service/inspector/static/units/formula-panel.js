// The formula of the layer with the numbers of the unit that is looked at.

import { element, fill } from "../elements.js";
import { openness } from "../numbers.js";
import { Panel } from "../panel.js";
import { factorOf, shownWhatIf } from "../scales.js";
import { formulaParts, formulaSentence } from "./formula.js";
import { shownUnit } from "./units.js";

class FormulaPanel extends Panel {
  static follows = ["model", "answer", "whatIf", "scales", "unit"];

  build() {
    this.heading = element("h3");
    this.asIs = new Case();
    this.whatIf = new Case();
    this.note = element("p", { class: "muted" });
    fill(
      this, this.heading, generalFormula(), explanation(), this.asIs.root, this.whatIf.root, this.note,
    );
  }

  render(state) {
    const { model, answer, unit } = state;
    const whatIf = shownWhatIf(state);
    const units = answer?.units;
    this.hidden = model === null || !units || units.length !== model.layers.length;
    if (this.hidden) return;
    const shown = shownUnit(unit, units);
    const layer = model.layers[shown.layer];
    fill(this.heading, `${layer.name}, unit ${shown.unit + 1}`, shown === unit ? "" : ", the most open one");
    const value = units[shown.layer][shown.unit];
    this.asIs.show(whatIf === null ? null : "As it is", value, 1);
    this.whatIf.root.hidden = whatIf === null;
    if (whatIf !== null) {
      const factor = factorOf(whatIf.scales, layer.name);
      this.whatIf.show("What-if", whatIf.units[shown.layer][shown.unit], factor);
    }
    this.note.hidden = layer.kind !== "convolution";
    fill(this.note, "This unit has a gate at each position of the picture; T is their mean.");
  }
}

/** The unit's own numbers in one situation: formula, a bar of both parts, and a sentence. */
class Case {
  constructor() {
    this.name = element("h4");
    this.factor = element("p", { class: "formula" });
    this.formula = element("p", { class: "formula own" });
    this.bar = element("div", { class: "parts", "aria-hidden": "true" }, element("div"));
    this.sentence = element("p");
    this.root = element("div", { class: "case" }, this.name, this.factor, this.formula, this.bar, this.sentence);
  }

  show(name, value, factor) {
    this.name.hidden = name === null;
    fill(this.name, name);
    const scaled = value * factor;
    this.factor.hidden = factor === 1;
    fill(this.factor, symbol("T"), ` = ${openness(value)} · ${factor} = ${openness(scaled)}`);
    const { computed, sign, carried } = formulaParts(scaled);
    fill(
      this.formula, symbol("y"), " = ", element("b", { class: "computed" }, computed), " · ", ...ofX("H"),
      ` ${sign} `, element("b", { class: "carried" }, carried), " · ", symbol("x"),
    );
    this.bar.style.setProperty("--open", Math.min(1, scaled));
    fill(this.sentence, formulaSentence(scaled, factor));
  }
}

function generalFormula() {
  return element(
    "p", { class: "formula" },
    symbol("y"), " = ", symbol("T"), " · ", ...ofX("H"), " + (1 − ", symbol("T"), ") · ", symbol("x"),
  );
}

function explanation() {
  return element(
    "p", { class: "muted" },
    symbol("x"), " is what the unit was given, ", ...ofX("H"), " what its layer computes from it, and ",
    symbol("T"), " the openness of its transform gate, from 0 to 1.",
  );
}

function ofX(name) {
  return [symbol(name), "(", symbol("x"), ")"];
}

function symbol(name) {
  return element("var", {}, name);
}

customElements.define("formula-panel", FormulaPanel);
