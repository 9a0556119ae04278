// Cards with names and values.

import { element } from "../elements.js";

export function card(title, ...content) {
  return element("section", { class: "card" }, element("h2", {}, title), ...content);
}

/**
 * Names and values below each other.
 *
 * @param {([string, ...(Node|string|null)[]]|null|false|undefined)[]} entries a name and the parts of
 *   its value; entries without a value are left out
 */
export function factList(entries) {
  const shown = entries.filter((entry) => entry && entry[1] !== undefined);
  const fact = ([name, ...value]) => element("div", {}, element("dt", {}, name), element("dd", {}, ...value));
  return element("dl", { class: "facts" }, ...shown.map(fact));
}

export function folded(title, ...content) {
  return element("details", {}, element("summary", {}, title), ...content);
}
