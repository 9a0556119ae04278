// The most probable labels as bars; with a what-if, two bars for each label.

import { writeAttribute, writeText } from "../attributes.js";
import { element } from "../elements.js";
import { percent } from "../numbers.js";

const SHOWN = 5;

/**
 * Indices of the most probable labels, the most probable first.
 * @param {number[][]} answers probabilities, one list for each answer
 */
export function mostProbable(answers, count = SHOWN) {
  const best = answers[0].map((_, index) => Math.max(...answers.map((probabilities) => probabilities[index])));
  return topIndices(best, count);
}

/** Without sorting all of 10,000 labels. */
function topIndices(values, count) {
  const top = [];
  values.forEach((value, index) => {
    if (top.length === count && value <= values[top.at(-1)]) return;
    const place = top.findIndex((other) => values[other] < value);
    top.splice(place === -1 ? top.length : place, 0, index);
    if (top.length > count) top.pop();
  });
  return top;
}

export class ProbabilityBars {
  #items = Array.from({ length: SHOWN }, () => {
    const [label, before, after] = ["label", "number", "number after"].map((name) => element("span", { class: name }));
    const [bar, changed] = ["bar", "bar after"].map((name) => element("span", { class: name }));
    const bars = element("span", { class: "pair", "aria-hidden": "true" }, bar, changed);
    const node = element("li", {}, label, bars, element("span", { class: "percentages" }, before, after));
    return { node, label, before, after, bar, changed };
  });

  constructor() {
    this.node = element("ol", { class: "bars" }, ...this.#items.map(({ node }) => node));
  }

  /**
   * @param {string[]} labels of the model
   * @param {number[]} probabilities as it is
   * @param {number[]|null} changed the same in the what-if
   */
  show(labels, probabilities, changed) {
    const order = mostProbable(changed ? [probabilities, changed] : [probabilities]);
    this.#items.forEach(({ node, ...parts }, place) => {
      const index = order[place];
      node.hidden = index === undefined;
      if (index === undefined) return;
      writeText(parts.label, labels[index]);
      writeAttribute(parts.label, "title", labels[index]);
      showShare(parts.bar, parts.before, probabilities[index]);
      parts.changed.hidden = parts.after.hidden = changed === null;
      if (changed !== null) showShare(parts.changed, parts.after, changed[index]);
    });
  }
}

function showShare(bar, number, probability) {
  bar.style.setProperty("--share", probability);
  writeText(number, percent(probability));
}
