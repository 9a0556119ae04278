// Drift: layers, labels and unusual rows against the held-out rows.

import { announce } from "../announcement.js";
import { send } from "../api.js";
import { element, fill } from "../elements.js";
import { Panel } from "../panel.js";
import { store } from "../store.js";
import { capital, sentence } from "../words.js";
import { updateContent } from "./content.js";
import { sentences } from "./drift-numbers.js";
import { windowCard } from "./drift-window.js";
import { malformed, problem } from "./problem.js";
import { whileVisible } from "./visible-timer.js";

const REFRESH_MS = 30_000; // the shortest slot of the monitor

class DriftView extends Panel {
  static follows = ["model"];

  #content;
  #document = null;
  #shown = null; // text of what is shown, so that an equal response changes nothing

  build() {
    this.#content = element("div", { class: "view-content" });
    const refresh = () => this.#read(true);
    fill(
      this,
      element(
        "header",
        {},
        element("h1", {}, "Drift"),
        element("button", { type: "button", onclick: refresh }, "Refresh"),
      ),
      element(
        "p",
        {},
        "Drift means that recent requests differ from the held-out rows: rows like the training data, which the " +
          "training never saw. The model may then be wrong more often than its accuracy says.",
      ),
      this.#content,
    );
    whileVisible(() => this.#read(false), REFRESH_MS, this.signal);
  }

  render() {
    this.#show();
  }

  async #read(isChosen) {
    this.#content.setAttribute("aria-busy", "true");
    try {
      const document = await send("drift", { signal: this.signal });
      if (!isDrift(document)) throw malformed();
      this.#document = document;
      this.#show();
      if (isChosen) announce(this.#content.querySelector(".summary")?.textContent ?? "");
    } catch (error) {
      if (this.signal.aborted) return;
      if (this.#shown !== null) fill(this.#content);
      this.#shown = null;
      updateContent(this.#content, problem(error, () => this.#read(true)));
    }
    this.#content.setAttribute("aria-busy", "false");
  }

  #show() {
    const { model } = store.state;
    if (model === null || this.#document === null) return;
    const text = `${model.name} ${model.version} ${JSON.stringify(this.#document)}`;
    if (text === this.#shown) return;
    if (this.#shown === null) fill(this.#content); // what has failed
    this.#shown = text;
    const same = ({ name, version }) => name === model.name && version === model.version;
    const drift = this.#document.models.find(same);
    const others = this.#document.models.filter((other) => !same(other));
    updateContent(
      this.#content, drift ? modelDrift(drift) : missing(model), otherModels(others), rule(this.#document));
  }
}

function modelDrift(drift) {
  const heldOut = drift.held_out;
  return [
    element("p", { class: "summary card", "data-drifting": String(drift.drifting) }, drift.summary),
    heldOut
      ? element(
          "p",
          { class: "muted" },
          `Compared with ${heldOut.rows.toLocaleString("en")} held-out rows (${heldOut.part}). ` +
            "A bar past the line means drift. The psi is the population stability index: 0 is no difference.",
        )
      : null,
    element("div", { class: "windows" }, ...drift.windows.map(windowCard)),
  ];
}

function missing({ name, version }) {
  return element("p", { class: "summary card" }, `The server does not report drift for ${name} version ${version}.`);
}

function otherModels(models) {
  if (models.length === 0) return null;
  return element(
    "section",
    { class: "card" },
    element("h2", {}, "Other models"),
    element("ul", {}, ...models.map(({ summary, drifting }) => element("li", {}, drifting ? "▲ " : null, summary))),
  );
}

function isDrift(document) {
  const isWindow = (window) =>
    [window?.layers, window?.classes, window?.atypical].every(Array.isArray) && Boolean(window.labels);
  const isModel = (model) =>
    typeof model?.summary === "string" && Array.isArray(model.windows) && model.windows.every(isWindow);
  return Array.isArray(document?.models) && document.models.every(isModel);
}

function rule({ rule: text, false_alarms: alarms }) {
  return element(
    "details",
    { class: "card" },
    element("summary", {}, "How it is decided"),
    element("p", {}, sentence(capital(alarms))),
    element("ul", {}, ...sentences(text).map((each) => element("li", {}, each))),
  );
}

customElements.define("drift-view", DriftView);
