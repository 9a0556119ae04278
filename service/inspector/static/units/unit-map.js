// The gates of all units: a heat map, layers down and units across, and the formula of one unit.

import { element, fill } from "../elements.js";
import { openness, signed } from "../numbers.js";
import { Panel } from "../panel.js";
import { shownWhatIf } from "../scales.js";
import { store } from "../store.js";
import { drawCells, drawScale } from "./cell-canvas.js";
import { differenceScale, opennessScale } from "./colour-scale.js";
import "./formula-panel.js";
import { GridCursor } from "./grid-cursor.js";
import { boxOf, fitGrid, unitAt } from "./unit-grid.js";
import "./unit-table.js";
import { differencesOf, factorsOf, largestSize, scaledUnits, shownUnit } from "./units.js";

const MODES = { asIs: "As it is", whatIf: "What-if", difference: "Difference" };
const NAME_WIDTH = 96; // CSS pixels of the layers' names
const MARGIN = 14; // around the cells, for their marks
const LEAST_DIFFERENCE = 0.01; // smaller ones do not fill the scale

class UnitMap extends Panel {
  static follows = ["model", "answer", "whatIf", "scales", "unit"];

  #mode = "asIs";
  #state = null;
  #values = null; // numbers by layer and unit, as drawn
  #grid = null;
  #gridModel = null; // for which the grid was made
  #width = 0; // of the panel, for which the grid was made
  #looked = null;
  #legend = null; // what the legend shows

  build() {
    this.canvas = element("canvas");
    this.cursor = new GridCursor({
      label: "Gates of all units",
      canvas: this.canvas,
      onLook: (cell) => { this.#looked = cell; this.#readOut(); },
      onChoose: ({ row, column }) => store.update({ unit: { layer: row, unit: column } }),
    });
    this.names = element("div", { class: "layer-names", "aria-hidden": "true" });
    this.names.style.setProperty("--name-width", `${NAME_WIDTH}px`);
    this.scroller = element("div", { class: "cell-scroll" }, this.names, this.cursor.host);
    this.readout = element("p", { class: "readout" });
    this.scale = element("canvas", { "aria-hidden": "true" });
    this.scaleNumbers = [0, 1, 2].map(() => element("span"));
    this.modes = modeSwitch((mode) => { this.#mode = mode; this.#draw(); });
    this.content = element(
      "div", { class: "unit-columns" },
      element(
        "div", {},
        element("div", { class: "map-head" }, this.modes.root, legend(this.scale, this.scaleNumbers)),
        this.scroller, this.readout, element("unit-table"),
      ),
      element("formula-panel"),
    );
    this.empty = element("p", { class: "muted" }, "Each unit's gate is shown here once there is an input.");
    fill(this, element("h2", {}, "Unit by unit"), introduction(), this.empty, this.content);
    const resized = new ResizeObserver(() => this.#fit());
    resized.observe(this.scroller);
    this.signal.addEventListener("abort", () => resized.disconnect());
  }

  render(state) {
    this.#state = state;
    const { model, answer } = state;
    const known = model !== null && answer?.units?.length === model.layers.length;
    this.content.hidden = !known;
    this.empty.hidden = known;
    if (!known) return;
    if (this.#gridModel !== model) this.#nameLayers();
    this.#draw();
  }

  #fit() {
    if (this.content.hidden || this.#gridModel === null || this.scroller.clientWidth === this.#width) return;
    this.#nameLayers();
    this.#draw();
  }

  #nameLayers() {
    const { model, answer } = this.#state;
    this.#gridModel = model;
    this.#width = this.scroller.clientWidth;
    const available = this.#width - NAME_WIDTH - MARGIN;
    this.#grid = fitGrid(answer.units.map((gates) => gates.length), available);
    const { columns, cellWidth, cellHeight, labelStep } = this.#grid;
    const names = model.layers.map(({ name }, row) => ({ name, row })).filter(({ row }) => row % labelStep === 0);
    fill(this.names, ...names.map(rowName));
    this.scroller.style.setProperty("--cell-height", `${cellHeight}px`);
    this.cursor.host.style.setProperty("--cell-width", `${cellWidth}px`);
    this.cursor.host.style.setProperty("--columns", columns);
    this.cursor.host.style.setProperty("--rows", model.layers.length);
  }

  #draw() {
    const { model, answer, unit } = this.#state;
    const whatIf = shownWhatIf(this.#state);
    const mode = whatIf === null ? "asIs" : this.#mode;
    this.modes.show(whatIf === null ? null : mode);
    const used = whatIf && scaledUnits(whatIf.units, factorsOf(model.layers, whatIf.scales));
    this.#values = mode === "asIs" ? answer.units : mode === "whatIf" ? used : differencesOf(answer.units, used);
    const scale = mode === "difference"
      ? differenceScale(largestSize(this.#values, LEAST_DIFFERENCE)) : opennessScale();
    drawCells(this.canvas, this.#values, scale);
    this.#drawLegend(scale, mode);
    const grid = this.#grid;
    const shown = shownUnit(unit, answer.units);
    this.cursor.show(
      {
        rows: this.#values.length,
        columns: (row) => this.#values[row].length,
        box: ({ row, column }) => boxOf(grid, row, column),
        at: (x, y) => unitAt(grid, x, y),
        name: (cell) => this.#nameOf(cell),
      },
      { row: shown.layer, column: shown.unit },
    );
    this.#readOut();
  }

  #drawLegend(scale, mode) {
    const shown = `${mode} ${scale.high}`;
    if (this.#legend === shown) return;
    this.#legend = shown;
    drawScale(this.scale, scale);
    const numbers = mode === "difference"
      ? [`${signed(scale.low)} more closed`, "0", `${signed(scale.high)} more open`]
      : ["0 closed", "0.5", "1 open"];
    this.scaleNumbers.forEach((node, index) => fill(node, numbers[index]));
  }

  #nameOf({ row, column }) {
    const value = this.#values[row][column];
    const difference = this.#mode === "difference" && shownWhatIf(this.#state) !== null;
    const text = difference ? `difference ${signed(value)}` : `openness ${openness(value)}`;
    return `${this.#state.model.layers[row].name}, unit ${column + 1}, ${text}`;
  }

  #readOut() {
    if (this.#looked === null || this.#values?.[this.#looked.row]?.[this.#looked.column] === undefined) {
      fill(this.readout, "Point at a cell or use the arrow keys. Enter or a click shows its formula.");
    } else fill(this.readout, this.#nameOf(this.#looked));
  }
}

function rowName({ name, row }) {
  const node = element("span", { title: name }, name);
  node.style.setProperty("--row", row);
  return node;
}

function introduction() {
  return element(
    "p", { class: "muted" },
    "A layer has many units, each with a gate of its own. Every row below is a layer, every cell a unit: " +
    "a dark cell passes its input on, a bright one replaces it by what the layer computes.",
  );
}

function legend(canvas, numbers) {
  return element("div", { class: "legend" }, canvas, element("div", {}, ...numbers));
}

/** Buttons for what the map shows; `show(null)` hides them. */
function modeSwitch(onChoose) {
  const buttons = new Map(Object.entries(MODES).map(([mode, text]) =>
    [mode, element("button", { type: "button", onclick: () => onChoose(mode) }, text)]));
  const root = element("div", { class: "switch", role: "group", "aria-label": "The map shows" }, ...buttons.values());
  return {
    root,
    show(shown) {
      root.hidden = shown === null;
      for (const [mode, button] of buttons) button.setAttribute("aria-pressed", String(mode === shown));
    },
  };
}

customElements.define("unit-map", UnitMap);
