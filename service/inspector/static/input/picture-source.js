// Pictures from a file, dropped on the panel, or from the clipboard.

import { element, fill } from "../elements.js";
import { decode, PictureError } from "./picture-files.js";

/**
 * A button for files, for the panel around it a drop target, and for the page the paste of pictures.
 * Its events: `picture` with `pixels` and `name`, and `failure` with a sentence in `text`.
 */
class PictureSource extends HTMLElement {
  #connection;
  #newest = 0; // a slower, older file does not replace a newer one

  connectedCallback() {
    this.#connection = new AbortController();
    const { signal } = this.#connection;
    const file = element("input", {
      type: "file", accept: "image/*", class: "unseen", tabindex: -1, "aria-hidden": "true",
      onchange: () => {
        if (file.files.length > 0) this.#read(file.files[0]);
        file.value = ""; // the same file can be chosen again
      },
    });
    const button = element("button", { type: "button", onclick: () => file.click() }, "Open a picture");
    fill(this, button, file, element("span", { class: "muted" }, "or drop or paste it"));
    const panel = this.closest("input-panel");
    for (const type of ["dragenter", "dragover"]) {
      panel.addEventListener(type, (event) => drag(event, panel), { signal });
    }
    panel.addEventListener("dragleave", (event) => {
      if (!panel.contains(event.relatedTarget)) panel.classList.remove("dropping");
    }, { signal });
    panel.addEventListener("drop", (event) => {
      event.preventDefault();
      panel.classList.remove("dropping");
      this.#take(event.dataTransfer, "What was dropped is not a picture file; nothing was changed.");
    }, { signal });
    document.addEventListener("paste", (event) => {
      if (event.target.closest?.("input, textarea, select")) return;
      event.preventDefault();
      const empty = event.clipboardData.types.length === 0;
      this.#take(event.clipboardData, empty
        ? "The clipboard is empty; copy a picture first."
        : "The clipboard has no picture; nothing was changed.");
    }, { signal });
  }

  disconnectedCallback() {
    this.#connection.abort();
  }

  #take(data, otherwise) {
    if (data.files.length > 0) this.#read(data.files[0]);
    else this.#fail(otherwise);
  }

  async #read(file) {
    this.#newest += 1;
    const own = this.#newest;
    try {
      const pixels = await decode(file);
      if (own === this.#newest && this.isConnected) {
        this.dispatchEvent(new CustomEvent("picture", { detail: { pixels, name: file.name } }));
      }
    } catch (error) {
      if (!(error instanceof PictureError)) throw error;
      this.#fail(`${error.message} Nothing was changed.`);
    }
  }

  #fail(text) {
    this.dispatchEvent(new CustomEvent("failure", { detail: { text } }));
  }
}

function drag(event, panel) {
  if (!event.dataTransfer.types.includes("Files")) return;
  event.preventDefault();
  panel.classList.add("dropping");
}

customElements.define("picture-source", PictureSource);
