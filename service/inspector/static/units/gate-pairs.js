// The openness of each layer in two answers: a row for each layer with a mark for each answer.

import { element, fill } from "../elements.js";
import { openness, signed } from "../numbers.js";
import { MANY } from "./layer-bars.js";

export class GatePairs {
  #names = null;
  #rows = [];

  constructor() {
    this.root = element("ul", { class: "gate-pairs", "aria-label": "Openness of each layer, pinned and current" });
  }

  /** Numbers are mean gates by layer; `most` is the index of the largest difference. */
  show(layers, pinned, current, most) {
    if (this.#names !== layers) {
      this.#names = layers;
      this.#rows = layers.map(({ name }) => new PairRow(name));
      const many = layers.length > MANY;
      this.root.classList.toggle("many", many);
      if (many) this.root.setAttribute("tabindex", 0); // it scrolls on a narrow screen
      else this.root.removeAttribute("tabindex");
      fill(this.root, ...this.#rows.map(({ root }) => root));
    }
    this.#rows.forEach((row, index) => row.show(pinned[index], current[index], index === most));
  }
}

class PairRow {
  constructor(name) {
    this.track = element(
      "span", { class: "pair-track", "aria-hidden": "true" },
      element("span", { class: "between" }), element("span", { class: "mark pinned" }),
      element("span", { class: "mark current" }),
    );
    this.numbers = element("span", { class: "number" });
    this.difference = element("span", { class: "number" });
    this.root = element("li", {}, element("span", { class: "name" }, name), this.track, this.numbers, this.difference);
  }

  show(pinned, current, most) {
    this.track.style.setProperty("--pinned", pinned);
    this.track.style.setProperty("--current", current);
    this.track.style.setProperty("--low", Math.min(pinned, current));
    this.track.style.setProperty("--size", Math.abs(current - pinned));
    fill(this.numbers, `${openness(pinned)} → ${openness(current)}`);
    fill(this.difference, signed(current - pinned));
    this.root.classList.toggle("most", most);
  }
}
