// The layers that are closed or scaled, each with a button that takes the change back.

import { element, fill } from "../elements.js";
import { changes, without } from "../scales.js";
import { store } from "../store.js";
import { factorWords } from "./words.js";

export class ChangeList {
  #key = "";

  constructor() {
    this.node = element("ul", { class: "changes" });
  }

  /** Show the changes; the list is built again only when it differs. */
  show(scales, layers) {
    const items = changes(scales, layers);
    const key = JSON.stringify(items);
    if (key === this.#key) return;
    this.#key = key;
    const focused = [...this.node.children].findIndex((item) => item.contains(document.activeElement));
    fill(this.node, ...items.map((item) => this.#item(item)));
    if (focused !== -1) this.#focus(Math.min(focused, items.length - 1));
  }

  #item({ names, factor }) {
    const title = names.length === 1 ? names[0] : `${names[0]} to ${names.at(-1)}`;
    const text = `${title}: ${factorWords(factor)}`;
    const remove = () => store.update({ scales: without(store.state.scales, names) });
    return element("li", {}, element("span", {}, text),
      element("button", { type: "button", "aria-label": `Remove: ${text}`, onclick: remove }, "×"));
  }

  /** Keep the focus near the item that was removed. */
  #focus(index) {
    const button = this.node.children[index]?.querySelector("button");
    if (button) button.focus();
    else this.node.dispatchEvent(new CustomEvent("emptied"));
  }
}
