// The views: the links in the header, and the element that fills the page.

import { element, fill } from "./elements.js";
import { loadPart } from "./parts.js";
import { store } from "./store.js";
import "./try-view.js";

const VIEWS = [
  { name: "try", title: "Try it", tag: "try-view", load: async () => {} },
  { name: "requests", title: "Past requests", tag: "requests-view", load: () => import("./past/requests-view.js") },
  { name: "drift", title: "Drift", tag: "drift-view", load: () => import("./past/drift-view.js") },
  { name: "traffic", title: "Traffic", tag: "traffic-view", load: () => import("./past/traffic-view.js") },
  { name: "model", title: "Model", tag: "model-view", load: () => import("./past/model-view.js") },
];

const content = document.getElementById("content");
const links = new Map(VIEWS.map(({ name, title }) => [name, linkOf(name, title)]));

let shown = null; // the name of the view that fills the page
let loads = 0; // of views; only the newest fills the page

/** Show the view of the state, now and whenever it changes. */
export function startViews() {
  fill(document.getElementById("views"), ...[...links.values()].map((link) => element("li", {}, link)));
  for (const link of document.querySelectorAll(".skip")) link.addEventListener("click", skip);
  store.follow(["view"], ({ view }) => show(view));
  // Try it predicts again by itself; the other views read everything when they are built.
  for (const name of ["key-changed", "try-again"]) {
    document.addEventListener(name, () => {
      if (shown !== "try") show(store.state.view);
    });
  }
}

function linkOf(name, title) {
  return element("a", { href: `#view=${name}`, onclick: (event) => follow(event, name) }, title);
}

/** A click keeps the state; a new tab begins with the view alone. */
function follow(event, view) {
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  store.update({ view });
}

/** The link's address would replace the state in the address. */
function skip(event) {
  event.preventDefault();
  const wanted = event.currentTarget.dataset.to;
  const target = (wanted && content.querySelector(wanted)) || content; // other views have no answer
  target.setAttribute("tabindex", "-1");
  target.focus();
}

async function show(name) {
  const view = VIEWS.find((candidate) => candidate.name === name) ?? VIEWS[0];
  for (const [linked, link] of links) {
    if (linked === view.name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${view.title} · Inspector`;
  const load = ++loads;
  if (!(await loadPart(view.load)) || load !== loads) return;
  const isFirst = shown === null;
  shown = view.name;
  fill(content, element(view.tag));
  if (!isFirst) focusHeading();
}

/** Readers of a screen reader hear the heading of the view that they chose. */
function focusHeading() {
  const heading = content.querySelector("h1") ?? content;
  heading.setAttribute("tabindex", "-1");
  heading.focus({ preventScroll: true });
  window.scrollTo(0, 0);
}
