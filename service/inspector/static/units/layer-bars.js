// What closing each layer does to the probability: a row for each layer, in the network's order.

import { element, fill } from "../elements.js";
import { factorOf, toggled } from "../scales.js";
import { store } from "../store.js";
import { changeText, theLabel } from "../words.js";
import { ChangeBar } from "./change-bar.js";

export const MANY = 16; // layers, from which on the rows are set in columns

/** The rows are buttons that close their layer; arrow keys move between them. */
export class LayerBars {
  #names = null;
  #rows = [];

  constructor() {
    this.root = element("ul", {
      class: "layer-bars", "aria-label": "Each layer closed alone", onkeydown: (event) => this.#press(event),
    });
  }

  /** @param {import("./explanations.js").Explanation} explanation */
  show({ prediction, layers, decisive_layers: decisive }, scales) {
    const names = layers.map(({ name }) => name).join("\n");
    if (this.#names !== names) {
      this.#names = names;
      this.#rows = layers.map(({ name }) => new LayerRow(name));
      this.root.classList.toggle("many", layers.length > MANY);
      fill(this.root, ...this.#rows.map(({ root }) => element("li", {}, root)));
      this.#reach(0);
    }
    layers.forEach((layer, index) =>
      this.#rows[index].show(layer, prediction, decisive.includes(layer.name), factorOf(scales, layer.name) === 0));
  }

  // One row takes part in the order of the Tab key: a hundred would be in the way.
  #reach(index) {
    this.#rows.forEach(({ root }, row) => root.setAttribute("tabindex", row === index ? 0 : -1));
  }

  #press(event) {
    const focused = this.#rows.findIndex(({ root }) => root === document.activeElement);
    const last = this.#rows.length - 1;
    const next = {
      ArrowUp: Math.max(0, focused - 1), ArrowDown: Math.min(last, focused + 1), Home: 0, End: last,
    }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    this.#reach(next);
    this.#rows[next].root.focus();
  }
}

class LayerRow {
  constructor(name) {
    this.bar = new ChangeBar();
    this.number = element("span", { class: "number" });
    this.label = element("span", { class: "new-label" });
    this.root = element(
      "button", { type: "button", class: "bar-row", title: "Close or open this layer", onclick: () => toggle(name) },
      element("span", { class: "name" }, name), this.bar.root, this.number, this.label,
    );
  }

  show({ closed }, { probability }, decisive, isClosed) {
    this.bar.show(probability, closed.probability);
    fill(this.number, changeText(closed.probability_change));
    const becomes = decisive && [element("span", { class: "becomes" }, "becomes "), theLabel(closed.label)];
    fill(this.label, ...(becomes || []), decisive && isClosed ? ", " : "", isClosed && "closed now");
    this.root.classList.toggle("decisive", decisive);
    this.root.setAttribute("aria-pressed", String(isClosed));
  }
}

function toggle(name) {
  store.update({ scales: toggled(store.state.scales, name) });
}
