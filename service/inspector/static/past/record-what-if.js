// The gates of a recorded row against their usual range; where the input was kept, layers close in place.

import { ApiError, send } from "../api.js";
import { announce } from "../announcement.js";
import { element, fill } from "../elements.js";
import { openness, percent, points } from "../numbers.js";
import { factorOf, toggled } from "../scales.js";
import { store } from "../store.js";
import { scrollBox } from "../tables.js";
import { listOf } from "../words.js";
import { gateReason } from "./gate-reason.js";
import { gateGauge, sideOf } from "./gauge.js";
import { inputPicture } from "./input-picture.js";
import { malformed, problem } from "./problem.js";
import { namesOf, usualOf } from "./record-names.js";
import { recordPath } from "./record-path.js";

const GONE = 409; // the status if the row's model is no longer served
const MANY = 16; // layers of a table that scrolls
const MARKS = { above: "▲", below: "▼" };

class RecordWhatIf extends HTMLElement {
  #row = null;
  #names = []; // of the layers
  #isOrdered = false; // whether the names are in the order of the API's lists
  #closed = {}; // factors of the layers that the reader closed
  #latest = 0; // number of the newest request
  #usual = null;
  #rareness = null; // p-values of the layers
  #cells = new Map(); // by layer: {gauge, number, button}
  #reason = null; // where it says why the row is unusual
  #legend = element("p", { class: "muted" });
  #result = element("div", { class: "what-if-result", role: "status" });
  #input = null; // where the input is shown
  #reset = element("button", { type: "button", hidden: true, onclick: () => this.#openAll() }, "Open all");

  /**
   * @param {Object} row a row of `GET /requests/{id}`
   * @param {{input: HTMLElement, reason: HTMLElement}} places where its input is shown, and why it is unusual
   */
  show(row, { input, reason }) {
    const { model } = store.state;
    const names = namesOf(row, model);
    this.#row = row;
    this.#input = input;
    this.#reason = reason;
    this.#names = names?.layers ?? Object.keys(row.gate_mean ?? {});
    this.#isOrdered = names !== null;
    this.#usual = names && usualOf(row, model);
    fill(this, element("h3", {}, "Its gates"), this.#legend, this.#table(), this.#result, this.#reset);
    this.#showGates(null);
    if (row.input_stored) this.#compute();
    else fill(input, element("p", { class: "muted" }, "Its input was not kept, so it cannot be computed again."));
  }

  #showReason() {
    const isKnown = this.#rareness !== null || !this.#row.input_stored;
    const reason = isKnown && this.#usual && gateReason(this.#row, this.#names, this.#usual, this.#rareness);
    this.#reason.hidden = !reason;
    fill(this.#reason, reason);
  }

  #showLegend() {
    const { label, model_name: name, model_version: version } = this.#row;
    const usual = this.#usual
      ? ` The band is usual for the label ${label}: 80 % of its held-out rows lie inside.`
      : this.#isOrdered ? "" : ` To compare it with the usual range, choose ${name} version ${version} above.`;
    fill(this.#legend, `How open each layer was: 0 passes its input on, 1 replaces it.${usual}`);
  }

  #table() {
    const columns = ["Layer", "Picture", "Openness", ...(this.#row.input_stored ? ["What if"] : [])];
    const table = element(
      "table",
      { class: "gates" },
      element("caption", { class: "unseen" }, "Openness of each layer"),
      element(
        "thead",
        { class: "unseen" },
        element("tr", {}, ...columns.map((name) => element("th", { scope: "col" }, name))),
      ),
      element("tbody", {}, ...this.#names.map((name) => this.#tableRow(name))),
    );
    return this.#names.length > MANY ? scrollBox("Gates of all layers", table) : table;
  }

  #tableRow(name) {
    const gauge = element("td", { class: "picture" });
    const number = element("td", { class: "number" });
    const button = this.#row.input_stored
      ? element("button", { type: "button", disabled: true, onclick: () => this.#toggle(name) })
      : null;
    this.#cells.set(name, { gauge, number, button });
    return element(
      "tr",
      {},
      element("th", { scope: "row", title: name }, name),
      gauge,
      number,
      button && element("td", {}, button),
    );
  }

  /** @param {Object|null} whatIf the prediction with closed layers */
  #showGates(whatIf) {
    const scales = this.#scales();
    this.#showReason();
    this.#showLegend();
    this.#names.forEach((name, index) => {
      const value = this.#row.gate_mean[name];
      const usual = this.#usual && { low: this.#usual.low[index], high: this.#usual.high[index] };
      const { gauge, number, button } = this.#cells.get(name);
      const scaled = whatIf && whatIf.gate_mean[index] * factorOf(scales, name);
      fill(gauge, gateGauge({ value, usual, whatIf: scaled }), mark(value, usual));
      fill(number, element("span", { title: String(value) }, openness(value)));
      if (button !== null) this.#showButton(button, name);
    });
  }

  #showButton(button, name) {
    const closed = Object.hasOwn(this.#closed, name);
    fill(button, closed ? "Closed" : "Close", element("span", { class: "unseen" }, ` ${name}`));
    button.setAttribute("aria-pressed", String(closed));
  }

  #toggle(name) {
    this.#closed = toggled(this.#closed, name);
    this.#showButton(this.#cells.get(name).button, name);
    this.#compute();
  }

  #openAll() {
    this.#closed = {};
    this.#cells.get(this.#names[0]).button.focus();
    this.#compute();
  }

  async #compute() {
    const { id, row, time } = this.#row;
    const number = ++this.#latest;
    const isLatest = () => number === this.#latest && this.isConnected;
    try {
      const scales = this.#isChanged ? [this.#recordedScales, this.#scales()] : [this.#recordedScales];
      const response = await send(recordPath(id, "what-if"), { body: { row, time, gate_scale: scales } });
      if (!isLatest()) return;
      if (!isWhatIf(response, scales.length)) throw malformed();
      this.#show(response);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (isLatest()) this.#fail(error);
    }
  }

  #fail(error) {
    if (error.status === GONE) this.#forgetOrder();
    this.#showGates(null); // the last what-if was of other layers
    fill(this.#result, problem(error, () => this.#compute()));
  }

  /** Show nothing of another model. */
  #forgetOrder() {
    this.#isOrdered = false;
    this.#usual = null;
  }

  get #isChanged() {
    return Object.keys(this.#closed).length > 0;
  }

  get #recordedScales() {
    return this.#row.gate_scale ?? {};
  }

  /** Factors by layer: those of the recorded request, and 0 for closed layers. */
  #scales() {
    return { ...this.#recordedScales, ...this.#closed };
  }

  #show(response) {
    const { digest, predictions } = response;
    const [recorded, whatIf] = predictions;
    if (digest !== store.state.model?.digest) this.#forgetOrder();
    if (this.#isOrdered) {
      this.#usual ??= recorded.usual;
      this.#rareness = recorded.layer_typicality;
    }
    this.#showGates(this.#isOrdered && whatIf ? whatIf : null);
    this.#reset.hidden = !whatIf;
    fill(this.#result, whatIf ? this.#comparison(recorded, whatIf) : null);
    for (const { button } of this.#cells.values()) button.disabled = false;
    if (this.#input.childElementCount === 0) this.#showInput(response);
  }

  /** The labels' order is that of the lists, which both predictions have. */
  #comparison(recorded, { label, probability, probabilities }) {
    const { label: before } = recorded;
    const change = points(probabilities[recorded.probabilities.indexOf(recorded.probability)] - recorded.probability);
    return element(
      "p",
      {},
      `Without ${listOf(Object.keys(this.#closed))}: `,
      element("strong", { title: String(probability) }, `${label}, ${percent(probability)}`),
      label === before
        ? ` (still ${label}, ${change}).`
        : ` (it was ${before}, whose probability changes by ${change}).`,
      this.#isOrdered ? " Diamonds show how open the layers are now." : null,
    );
  }

  #showInput({ instance, digest, model_name: name, model_version: version }) {
    const { model } = store.state;
    const here = model?.digest === digest;
    const open = element(
      "button",
      { type: "button", class: "primary", disabled: !here, onclick: () => this.#openInTryIt(instance) },
      "Open in Try it",
    );
    fill(
      this.#input,
      inputPicture(instance, here ? model.input : { low: null, high: null }),
      open,
      here ? null : element("p", { class: "muted" }, `To open it, choose ${name} version ${version} above.`),
    );
    announce("Input shown");
  }

  #openInTryIt(instance) {
    const input = Array.isArray(instance)
      ? { kind: "pixels", pixels: instance, name: `request ${this.#row.id}` }
      : { kind: "row", values: instance };
    const changes = Object.entries(this.#scales()).filter(([, factor]) => factor !== 1);
    store.update({ view: "try", input, instance, scales: Object.fromEntries(changes) });
  }
}

/** Whether a response has all that is shown of it. */
function isWhatIf(response, count) {
  const predictions = response?.predictions;
  return (
    Array.isArray(predictions) && predictions.length === count &&
    typeof response.instance === "object" && response.instance !== null &&
    predictions.every((each) => Array.isArray(each?.gate_mean) && each.probabilities?.includes?.(each.probability))
  );
}

/** Where the openness is not usual: a sign and words. */
function mark(value, usual) {
  const side = usual === null ? "usual" : sideOf(value, usual);
  if (side === "usual") return null;
  return element(
    "span",
    { class: "mark", title: `usual: ${usual.low} to ${usual.high}` },
    element("span", { "aria-hidden": "true" }, `${MARKS[side]} `),
    `${side} usual`,
  );
}

customElements.define("record-what-if", RecordWhatIf);
