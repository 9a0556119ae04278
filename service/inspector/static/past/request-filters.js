// The form that filters and sorts past requests.

import { element, fill } from "../elements.js";
import { Panel } from "../panel.js";
import { store } from "../store.js";

const PERIODS = {
  "": "all times",
  hour: "the last hour",
  day: "the last day",
  week: "the last week",
  between: "between …",
};
const BELOW = { "": "any", 0.05: "below 0.05", 0.01: "below 0.01" };
const MODELS = { "": "this version", "*": "all" };
const SORTS = { "": "newest first", typicality: "unusual first" };

class RequestFilters extends Panel {
  static follows = ["filters", "model"];

  #form;
  #clear;
  #labels;
  #model = null; // whose labels are offered

  build() {
    this.#labels = element("datalist", { id: "past-labels" });
    this.#clear = element(
      "button",
      { type: "button", "aria-label": "Clear filters", onclick: () => store.update({ filters: {} }) },
      "Clear",
    );
    this.#form = element(
      "form",
      { class: "filters", "aria-label": "Filter past requests", onchange: (event) => this.#choose(event) },
      field("Order", choice("sort", SORTS)),
      field("Time", choice("period", PERIODS)),
      moment("since", "From"),
      moment("until", "Until"),
      field("Typicality", choice("below", BELOW)),
      field(
        "Label",
        element("input", { id: "past-label", name: "label", list: "past-labels", size: 8, autocomplete: "off" }),
      ),
      field("Tag", element("input", { id: "past-tag", name: "tag", size: 12, autocomplete: "off" })),
      field("Id", element("input", { id: "past-id", name: "id", size: 14, autocomplete: "off" })),
      field("Models", choice("models", MODELS)),
      element("div", { class: "actions" }, element("button", { class: "primary" }, "Show"), this.#clear),
      this.#labels,
    );
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#read();
    });
    fill(this, this.#form);
  }

  render({ filters, model }) {
    if (model !== this.#model) this.#showLabels(model);
    for (const control of this.#form.elements) {
      if (control.name) control.value = filters[control.name] ?? "";
    }
    for (const name of ["since", "until"]) {
      this.#form.elements[name].closest("div").hidden = filters.period !== "between";
    }
    this.#clear.hidden = Object.keys(filters).length === 0;
  }

  #showLabels(model) {
    this.#model = model;
    fill(this.#labels, ...(model?.labels ?? []).map((label) => element("option", { value: label })));
  }

  /** A choice applies at once; a text when it is entered. */
  #choose({ target }) {
    if (target.localName === "select") this.#read();
  }

  #read() {
    const entries = [...new FormData(this.#form)].map(([name, value]) => [name, value.trim()]);
    const filters = Object.fromEntries(entries.filter(([, value]) => value !== ""));
    if (JSON.stringify(filters) !== JSON.stringify(store.state.filters)) store.update({ filters });
  }
}

function field(title, control) {
  return element("div", { class: "field" }, element("label", { for: control.id }, title), control);
}

function choice(name, options) {
  return element(
    "select",
    { id: `past-${name}`, name },
    ...Object.entries(options).map(([value, title]) => element("option", { value }, title)),
  );
}

function moment(name, title) {
  return field(title, element("input", { id: `past-${name}`, name, type: "datetime-local", step: 1 }));
}

customElements.define("request-filters", RequestFilters);
