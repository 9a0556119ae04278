// The tags of a recorded row: flag it, add a tag, remove one.

import { announce } from "../announcement.js";
import { send } from "../api.js";
import { element, fill } from "../elements.js";
import { malformed, problem } from "./problem.js";
import { recordPath } from "./record-path.js";
import { FLAGGED, tagList } from "./tags.js";

class RecordTags extends HTMLElement {
  #row = null;
  #list = element("div");
  #input = element("input", {
    id: "past-new-tag",
    size: 14,
    maxlength: 64,
    autocomplete: "off",
    required: true,
  });
  #flag = element("button", { type: "button", class: "flag", onclick: () => this.#toggleFlag() });
  #failure = element("div");

  /** @param {Object} row a row of `GET /requests/{id}` */
  set row(row) {
    this.#row = row;
    const form = element(
      "form",
      {},
      this.#flag,
      element("label", { for: this.#input.id }, "Other tag"),
      this.#input,
      element("button", {}, "Add tag"),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#change(this.#input.value.trim(), true);
    });
    fill(this, this.#list, form, this.#failure);
    this.#show(row.tags);
  }

  #show(tags) {
    const remove = (tag) =>
      element(
        "button",
        { type: "button", "aria-label": `Remove tag ${tag}`, onclick: () => this.#change(tag, false) },
        "×",
      );
    fill(this.#list, tagList(tags, remove));
    const isFlagged = tags.includes(FLAGGED);
    fill(this.#flag, isFlagged ? "⚑ Flagged" : "⚑ Flag");
    this.#flag.setAttribute("aria-pressed", String(isFlagged));
  }

  #toggleFlag() {
    this.#change(FLAGGED, !this.#row.tags.includes(FLAGGED));
  }

  async #change(tag, added) {
    const { id, row, time } = this.#row;
    fill(this.#failure);
    try {
      const changed = await send(...(added ? addition(id, row, time, tag) : removal(id, row, time, tag)));
      if (!Array.isArray(changed?.tags)) throw malformed();
      if (!this.isConnected) return;
      this.#row.tags = changed.tags;
      this.#show(changed.tags);
      if (!added && !this.contains(document.activeElement)) this.#input.focus(); // its button is gone
      if (added && tag === this.#input.value.trim()) this.#input.value = "";
      announce(added ? `Tag ${tag} added` : `Tag ${tag} removed`);
      this.dispatchEvent(
        new CustomEvent("tags-changed", { detail: { id, row, time, tags: changed.tags }, bubbles: true }),
      );
    } catch (error) {
      if (this.isConnected) fill(this.#failure, problem(error));
    }
  }
}

function addition(id, row, time, tag) {
  return [recordPath(id, "flag"), { body: { row, time, tag } }];
}

function removal(id, row, time, tag) {
  return [`${recordPath(id, "flag")}?${new URLSearchParams({ row, time, tag })}`, { method: "DELETE" }];
}

customElements.define("record-tags", RecordTags);
