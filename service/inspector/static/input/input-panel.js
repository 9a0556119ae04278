// Where the reader draws, uploads, chooses or types an input: the form that fits the model.

import { element, fill } from "../elements.js";
import { isDigitModel } from "../model.js";
import { Panel } from "../panel.js";
import { loadPart } from "../parts.js";
import "./image-input.js";

class InputPanel extends Panel {
  static follows = ["model"];
  #form = null; // what the form depends on, of the model that it was built for

  /** A new version of a model keeps the form, with the stroke under way, the focus and Undo. */
  render({ model }) {
    const form = model && JSON.stringify([model.input, model.usualInputs, isDigitModel(model)]);
    if (form === this.#form) return;
    this.#form = form;
    const isTable = model?.input.kind === "table";
    if (isTable) loadPart(() => import("./table-input.js")); // its element works once it is defined
    fill(this, model && element(isTable ? "table-input" : "image-input"));
  }
}

customElements.define("input-panel", InputPanel);
