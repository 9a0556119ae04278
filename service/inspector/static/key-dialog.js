// The dialog that requests an API key. The key is kept in memory by api.js and nowhere else.

import { declineKey, useKey, waitsForKey } from "./api.js";
import { element, fill } from "./elements.js";
import { store } from "./store.js";

const field = element("input", {
  id: "key", type: "password", autocomplete: "off", required: true, "aria-describedby": "key-fault key-hint",
});
const fault = element("p", { id: "key-fault", class: "fault", role: "alert" });
const button = element("button", { type: "submit", class: "primary" }, "Use this key");
const form = element(
  "form", { method: "dialog", onsubmit: submit },
  element("label", { for: "key" }, "API key"),
  field,
  fault,
  element("p", { id: "key-hint", class: "muted" }, "It is kept until this page is closed or reloaded."),
  element("div", { class: "buttons" }, button,
    element("button", { type: "button", onclick: () => dialog.close() }, "Cancel")),
);
const dialog = element(
  "dialog", { class: "key-dialog", "aria-labelledby": "key-title", onclose: closed },
  element("h2", { id: "key-title" }, "This server needs an API key"),
  form,
);

document.body.append(dialog);
document.addEventListener("key-needed", ({ detail }) => {
  if (!dialog.open) open(detail.message);
});
if (waitsForKey()) open(""); // the first requests are sent before this module is there

/** Let the reader enter a key that replaces the present one, as where its scopes do not suffice. */
export function openKeyDialog() {
  open("");
}

function open(sentence) {
  fill(fault, sentence);
  field.value = "";
  dialog.showModal();
  field.focus();
}

async function submit(event) {
  event.preventDefault();
  if (button.disabled) return;
  button.disabled = true;
  try {
    await useKey(field.value.trim());
    store.update({ status: null });
    dialog.close();
    document.dispatchEvent(new CustomEvent("key-changed"));
  } catch (error) {
    fill(fault, sentenceOf(error));
    field.select();
  } finally {
    button.disabled = false;
  }
}

function sentenceOf({ message, retryAfter }) {
  return retryAfter === null ? message : `${message}; wait ${retryAfter} s`;
}

/** The requests end that still wait; none does after a key was accepted. */
function closed() {
  field.value = "";
  declineKey();
}
