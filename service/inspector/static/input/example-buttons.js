// Buttons with small pictures of the ready examples: one stop of Tab, then arrow keys.

import { element, svg } from "../elements.js";
import { EXAMPLES } from "./example-drawings.js";

const SIDE = 100;
const STEPS = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 };

/**
 * @param {(strokes: import("../store.js").Stroke[]) => void} onchoose
 * @returns {HTMLElement}
 */
export function exampleButtons(onchoose) {
  const button = ({ name, strokes }, index) => element(
    "button",
    {
      type: "button", title: name, "aria-label": `Example: ${name}`, tabindex: index === 0 ? 0 : -1,
      onclick: () => onchoose(strokes),
    },
    svg("svg", { viewBox: `0 0 ${SIDE} ${SIDE}`, "aria-hidden": "true" }, strokes.map(line)),
  );
  const buttons = EXAMPLES.map(button);
  return element(
    "section",
    { class: "examples", "aria-label": "Examples" },
    element("h3", {}, "Or try an example"),
    element("div", {
      role: "toolbar", "aria-label": "Examples, by arrow keys",
      onkeydown: (event) => move(event, buttons), onfocusin: ({ target }) => stopAt(target, buttons),
    }, buttons),
  );
}

function move(event, buttons) {
  const step = STEPS[event.key];
  if (step === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  buttons.at((buttons.indexOf(event.target) + step) % buttons.length).focus();
}

/** Tab comes back to the button that had the focus last. */
function stopAt(target, buttons) {
  for (const button of buttons) button.tabIndex = button === target ? 0 : -1;
}

function line(stroke) {
  const points = stroke.map(({ x, y }) => `${Math.round(SIDE * x)},${Math.round(SIDE * y)}`);
  return svg("polyline", { points: points.join(" ") });
}
