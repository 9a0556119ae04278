// A bar from a probability as it is to the one after a change, on a track from 0 to 1.

import { element } from "../elements.js";

/** The bar; `show` draws both probabilities. It says nothing that its row does not. */
export class ChangeBar {
  constructor() {
    this.root = element(
      "span", { class: "change-bar", "aria-hidden": "true" },
      element("span", { class: "changed" }), element("span", { class: "before" }),
    );
  }

  show(before, after) {
    this.root.style.setProperty("--before", before);
    this.root.style.setProperty("--low", Math.min(before, after));
    this.root.style.setProperty("--size", Math.abs(before - after));
  }
}
