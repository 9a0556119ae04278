// The numbers behind the heat map: the gates of one layer's units, as the API gives them.

import { element, fill } from "../elements.js";
import { Panel } from "../panel.js";
import { factorOf, shownWhatIf } from "../scales.js";
import { dataTable, scrollBox } from "../tables.js";
import { shownUnit } from "./units.js";

class UnitTable extends Panel {
  static follows = ["model", "answer", "whatIf", "scales", "unit"];

  #layer = null; // the reader's choice; null follows the unit
  #names = null;
  #state = null;

  build() {
    this.select = element("select", { id: "unit-table-layer", onchange: () => this.#choose() });
    this.numbers = scrollBox("Gates of the layer's units");
    this.details = element(
      "details", { ontoggle: () => this.#fill() },
      element("summary", {}, "Numbers of one layer"),
      element("p", {}, element("label", { for: "unit-table-layer" }, "Layer "), this.select),
      this.numbers,
    );
    fill(this, this.details);
  }

  render(state) {
    const { model, answer, unit } = state;
    this.hidden = model === null || answer?.units?.length !== model.layers.length;
    if (this.hidden) return;
    if (this.#state?.unit !== unit) this.#layer = null;
    this.#state = state;
    if (this.#names !== model.layers) {
      this.#names = model.layers;
      this.#layer = null;
      fill(this.select, ...model.layers.map(({ name }, index) => element("option", { value: index }, name)));
    }
    this.#fill();
  }

  #choose() {
    this.#layer = Number(this.select.value);
    this.#fill();
  }

  // A layer can have a thousand units: the table is only built while it is open.
  #fill() {
    if (!this.details.open || this.#state === null) return;
    const { model, answer, unit } = this.#state;
    const whatIf = shownWhatIf(this.#state);
    const layer = this.#layer ?? shownUnit(unit, answer.units).layer;
    this.select.value = layer;
    const { name } = model.layers[layer];
    const columns = ["unit", "openness"];
    if (whatIf !== null) columns.push("what-if, before scaling", "factor of the layer");
    const rows = answer.units[layer].map((gate, index) => {
      const changed = whatIf === null ? [] : [whatIf.units[layer][index], factorOf(whatIf.scales, name)];
      return [index + 1, gate, ...changed];
    });
    fill(this.numbers, dataTable(`Gates of ${name}`, columns, rows, { hidden: ["caption"] }));
  }
}

customElements.define("unit-table", UnitTable);
