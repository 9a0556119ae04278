// What the model sees: its pixels, enlarged, with their numbers behind them.

import { element, fill } from "../elements.js";
import { drawPicture } from "../picture.js";
import { sizeOf } from "./drawing.js";

class InputPreview extends HTMLElement {
  #canvas = element("canvas", { role: "img" });
  #rows = element("tbody");
  #details;
  #instance = null;
  #picture = null;

  connectedCallback() {
    const table = element("table", {}, element("caption", { class: "unseen" }, "Pixels, row by row"), this.#rows);
    const scroller = element("div", { class: "scroller", tabindex: 0, role: "region", "aria-label": "Pixels" }, table);
    const summary = element("summary", {}, "Pixel values");
    this.#details = element("details", { ontoggle: () => this.#list() }, summary, scroller);
    fill(this, element("h3", {}, "What the model sees"), this.#canvas, this.#details);
  }

  /**
   * @param {import("../store.js").Instance|null} instance
   * @param {import("./drawing.js").Picture} picture
   */
  show(instance, picture) {
    this.#instance = instance;
    this.#picture = picture;
    const { width, height } = sizeOf(picture);
    const state = instance === null ? "empty" : `${width} × ${height} pixels`;
    this.#canvas.setAttribute("aria-label", `What the model sees: ${state}`);
    if (instance === null) Object.assign(this.#canvas, { width, height }); // which empties it
    else drawPicture(this.#canvas, instance, picture);
    this.#list();
  }

  /** The numbers, while they are open: there may be many, and they change with each stroke. */
  #list() {
    if (!this.#details.open || this.#instance === null) {
      fill(this.#rows, element("tr", {}, element("td", {}, "There are none yet.")));
      return;
    }
    const { width, height, channels } = sizeOf(this.#picture);
    const values = this.#instance.flat(2).map(String);
    const line = (row) => values.slice(row * width * channels, (row + 1) * width * channels).join(" ");
    fill(this.#rows, Array.from({ length: height }, (_, row) =>
      element("tr", {}, element("th", { scope: "row" }, `row ${row + 1}`), element("td", {}, line(row)))));
  }
}

customElements.define("input-preview", InputPreview);
