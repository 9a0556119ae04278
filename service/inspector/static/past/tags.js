// A row's tags, as a list.

import { element } from "../elements.js";

export const FLAGGED = "flagged"; // the API's default tag

/** @param {string[]} tags; `after(tag)` returns what follows the tag in its item */
export function tagList(tags, after = () => null) {
  if (tags.length === 0) return null;
  return element(
    "ul",
    { class: "tag-list" },
    ...tags.map((tag) => element("li", { "data-tag": tag }, tag === FLAGGED ? "⚑ " : null, tag, after(tag))),
  );
}
