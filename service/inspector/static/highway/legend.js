// What the colours and signs of the highway mean.

import { element, fill } from "../elements.js";

export class Legend {
  #key = "";

  constructor() {
    this.node = element("ul", { class: "legend" });
  }

  /** Everything at once: nothing moves when a what-if begins. @param {import("../model.js").Model} model */
  show(model) {
    const items = legendItems(model);
    const key = items.map(({ text }) => text).join();
    if (this.#key === key) return;
    this.#key = key;
    fill(this.node, ...items.map(({ kind, text }) => element("li", { class: kind }, element("span"), text)));
  }
}

function legendItems({ usualGates }) {
  const usual = [
    { kind: "range", text: "green: usual for the label" },
    { kind: "point", text: "dot: this input, magnified" },
  ];
  return [
    { kind: "computed", text: "orange: computed by the layer" },
    { kind: "passed", text: "grey-blue: passed on unchanged" },
    ...(usualGates === null ? [] : usual),
    { kind: "changed-point", text: "violet: in the what-if" },
    { kind: "outline", text: "dashed: before the changes" },
    { kind: "sign", text: "◆ decides: closing it changes the label" },
    { kind: "sign", text: "◇ decides with the other ◇" },
  ];
}
