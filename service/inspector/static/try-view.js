// The first view: an input, its answer, the highway, explanations and comparisons.

import { writeText } from "./attributes.js";
import { element, fill } from "./elements.js";
import { isDigitModel } from "./model.js";
import { Panel } from "./panel.js";
import { loadPart } from "./parts.js";
import "./input/input-panel.js";
import "./highway/answer-line.js";
import "./highway/answer-panel.js";
import "./highway/highway-view.js";
import "./highway/what-if-controls.js";

const ROAD = ", and how much it passes on unchanged. Past requests, drift and traffic are those of this server.";
const INTRODUCTIONS = {
  digit: `Draw a digit. The road shows how much each layer of the network works on it${ROAD}`,
  image: `Choose a picture. The road shows how much each layer of the network works on it${ROAD}`,
  table: `Change a value. The road shows how much each layer of the network works on the row${ROAD}`,
};

class TryView extends Panel {
  static follows = ["model", "answer"];
  #introduction = element("p", { class: "introduction" });
  #isComplete = false; // or being completed

  build() {
    fill(
      this,
      element("header", {}, element("h1", {}, "Which layers did the work?"), this.#introduction),
      element("input-panel"),
      element("div", { class: "result" },
        element("answer-panel"), element("highway-view"), element("what-if-controls")),
      element("explanation-panel"),
      element("unit-map"),
      element("comparison-panel"),
      element("answer-line"),
    );
    this.#isComplete = false;
  }

  render({ model, answer }) {
    writeText(this.#introduction,
      model === null ? "" : INTRODUCTIONS[isDigitModel(model) ? "digit" : model.input.kind]);
    if (answer === null || this.#isComplete) return;
    this.#isComplete = true;
    loadPart(loadRest);
  }
}

/** The panels below show nothing before the first answer: the panels above are usable sooner. */
function loadRest() {
  return Promise.all([
    import("./units/explanation-panel.js"),
    import("./units/unit-map.js"),
    import("./units/comparison-panel.js"),
  ]);
}

customElements.define("try-view", TryView);
