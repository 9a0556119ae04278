// One of two compared inputs: its picture, label, probabilities and typicality.

import { element, fill } from "../elements.js";
import { percent } from "../numbers.js";
import { drawPicture } from "../picture.js";
import { theLabel } from "../words.js";
import { typicalityText } from "./comparison.js";

export class ComparedInput {
  #instance = null;

  constructor(name) {
    this.name = name;
    this.canvas = element("canvas", { class: "small-picture", role: "img" });
    this.label = element("p", { class: "lead" });
    this.second = element("p");
    this.typicality = element("p", { class: "muted" });
    this.root = element(
      "div", { class: `compared ${name.toLowerCase()}`, role: "group", "aria-label": `${name} answer` },
      this.canvas,
      element("div", {}, element("h3", {}, element("span", { class: "mark", "aria-hidden": "true" }), name),
        this.label, this.second, this.typicality),
    );
  }

  show({ instance, answer }, model) {
    fill(this.label, `${theLabel(answer.label)} with ${percent(answer.probability)}`);
    const [label, probability] = runnerUp(answer, model.labels);
    fill(this.second, label === null ? "" : `next ${theLabel(label)} with ${percent(probability)}`);
    fill(this.typicality, typicalityText(answer, model));
    this.canvas.hidden = model.input.kind !== "image";
    this.canvas.setAttribute("aria-label", `${this.name} picture, predicted ${theLabel(answer.label)}`);
    if (this.canvas.hidden || this.#instance === instance) return;
    this.#instance = instance;
    drawPicture(this.canvas, instance, model.input);
  }
}

function runnerUp({ label, probabilities }, labels) {
  const first = labels.indexOf(label);
  const second = probabilities.reduce((best, value, index) =>
    index !== first && (best === null || value > probabilities[best]) ? index : best, null);
  return second === null ? [null, 0] : [labels[second], probabilities[second]];
}
