// The button that copies a link to the present state.

import { element, fill } from "./elements.js";
import { linkOf } from "./navigation.js";
import { store } from "./store.js";

const SAID_MS = 3000;

const place = document.getElementById("link");
const button = element("button", { type: "button", onclick: copy }, "Copy link");
const said = element("span", { role: "status", class: "said" });

let timer = null; // that takes the words away

/** Show the button. */
export function startLinks() {
  fill(place, button, said);
}

async function copy() {
  const { link, left } = await linkOf(store.state);
  const missing = left.length === 0 ? "" : `, without the ${left.join(" and the ")}: too large`;
  try {
    await navigator.clipboard.writeText(link);
    say(`Copied${missing}`);
  } catch {
    showField(link, missing); // without https, or the reader forbids it
  }
}

function say(text) {
  clearTimeout(timer);
  fill(said, text);
  timer = setTimeout(() => fill(said), SAID_MS);
}

function showField(link, missing) {
  clearTimeout(timer);
  const field = element("input", { type: "text", readonly: true, value: link, "aria-label": "Link to what is shown" });
  field.addEventListener("blur", () => fill(said));
  fill(said, field, missing);
  field.select();
  field.focus();
}
