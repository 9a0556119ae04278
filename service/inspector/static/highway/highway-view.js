// The highway: the input's way through the layers, which open and close by a click.

import { writeAttribute, writeText } from "../attributes.js";
import { element, fill, svg } from "../elements.js";
import { Panel } from "../panel.js";
import { drawPicture } from "../picture.js";
import { shownWhatIf, toggled } from "../scales.js";
import { store } from "../store.js";
import { digits, NumberTable } from "../tables.js";
import { rowsOf } from "../typicality.js";
import { layerFacts } from "./facts.js";
import { LayerNode } from "./layer-node.js";
import { Legend } from "./legend.js";
import { endPaths, funnelPath, layerPosition, linkPath, linkWidth, roadLayout, roadTop } from "./road.js";
import { layerReadout } from "./words.js";

const MOVING_MS = 400; // after a click, streams move to their new width
const PICTURE_SIDE = 64; // pixels that the small picture of the input has at most
const TALL = 1400; // pixels; a higher picture scrolls inside the panel
const SHORT_LABEL = 2; // characters that fit in large letters
const FACTS = ["model", "answer", "whatIf", "scales", "explanation"];
const COLUMNS = [
  { title: "Layer" },
  { title: "Kind" },
  { title: "Gates", number: true },
  { title: "Openness (mean gate)", number: true },
  { title: "Usual from", number: true },
  { title: "Usual to", number: true },
  { title: "Layer typicality", number: true },
  { title: "Factor", number: true },
  { title: "Openness in the what-if", number: true },
];

class HighwayView extends Panel {
  static follows = [...FACTS, "layer", "instance"];

  #shown = null; // the state that is drawn
  #nodes = [];
  #facts = [];
  #layout = null;
  #chosen = { layer: null, nodes: null }; // as marked
  #hovered = null;
  #outdated = new Set(); // indices of layers whose drawing is not of #facts
  #sight = { first: 0, last: 0 };
  #still = null; // timer that ends the movement

  build() {
    this.#shown = null;
    this.heading = element("h2");
    this.introduction = element("p", { class: "introduction" });
    this.legend = new Legend();
    this.picture = element("canvas", { class: "input-picture", role: "img", "aria-label": "The input" });
    this.begin = element("div", { class: "begin" }, this.picture, element("span", { class: "caption" }, "input"));
    this.label = element("span", { class: "label" });
    this.end = element("div", { class: "end" }, this.label, element("span", { class: "caption" }, "label"));
    this.drawing = svg("svg", { class: "road", role: "group" });
    this.frame = element("div", { class: "road-frame" }, this.drawing, this.begin, this.end);
    this.readout = element("p", { class: "readout" });
    this.table = new NumberTable("Numbers of the highway", COLUMNS);
    fill(this, this.heading, this.introduction, this.legend.node, this.frame, this.readout, this.table.node);
    this.#listen();
    this.#observe();
  }

  render(state) {
    const before = this.#shown;
    this.#shown = state;
    this.hidden = state.model === null;
    if (state.model === null) return;
    if (before?.model !== state.model) this.#buildLayers(state.model);
    if (before?.scales !== state.scales && before !== null) this.#move();
    if (before?.instance !== state.instance || before?.model !== state.model) this.#showInput(state);
    if (FACTS.some((name) => before?.[name] !== state[name])) this.#showFacts(state);
    this.#showChosen(state);
  }

  #buildLayers(model) {
    this.#nodes = model.layers.map((layer, index) => new LayerNode(index, layer));
    this.links = svg("path", { class: "link", "stroke-width": linkWidth });
    this.ends = svg("path", { class: "ends" });
    this.tip = svg("path", { class: "ends tip" });
    fill(this.drawing, gradient(), this.links, this.ends, this.tip, ...this.#nodes.map(({ node }) => node));
    const layers = model.layers.length;
    writeText(this.heading, `The highway: ${layers} ${layers === 1 ? "layer" : "layers"} from input to label`);
    this.drawing.setAttribute("aria-label", `The input's way through ${layers} layers`);
    this.#layout = null;
    this.#place();
  }

  /** Fold the road into the width of the panel. */
  #place() {
    const { clientWidth } = this.frame;
    const { model } = this.#shown;
    if (clientWidth === 0 || this.#layout?.panelWidth === clientWidth) return;
    const count = model.layers.length;
    const layout = { panelWidth: clientWidth, ...roadLayout(clientWidth, count) };
    this.#layout = layout;
    writeAttribute(this.drawing, "width", layout.width);
    writeAttribute(this.drawing, "height", layout.height);
    writeAttribute(this.frame, "data-tall", layout.height > TALL ? "" : null);
    this.#nodes.forEach((node, index) => node.place(layout, layerPosition(layout, index)));
    const between = Array.from({ length: layout.rows - 1 }, (_, row) => row);
    const { entry, exit } = endPaths(layout, count);
    this.links.setAttribute("d", between.map((row) => linkPath(layout, row)).join(""));
    this.ends.setAttribute("d", entry + between.map((row) => funnelPath(layout, row)).join(""));
    this.tip.setAttribute("d", exit);
    this.#placeEnds(layout, count);
    this.#look();
  }

  #placeEnds(layout, count) {
    const last = layerPosition(layout, count - 1);
    const place = (node, names) => Object.entries(names)
      .forEach(([name, value]) => node.style.setProperty(`--${name}`, `${value}px`));
    place(this.begin, { y: roadTop(layout, 0) + layout.stream / 2, width: layout.start - 14 });
    place(this.end, { x: last.x + layout.cell + 16, y: last.y + layout.stream / 2, width: layout.end - 16 });
  }

  /** Draw the outdated layers that are in sight: all, unless the picture scrolls. */
  #draw() {
    if (this.#layout === null) return;
    const { first, last } = this.#sight;
    for (const index of this.#outdated) {
      if (index < first || index >= last) continue;
      this.#nodes[index].show(this.#facts[index]);
      this.#outdated.delete(index);
    }
  }

  /** Find the layers in sight; not at every answer, because it needs the sizes on the screen. */
  #look() {
    const { height, rowHeight, columns } = this.#layout;
    const { scrollTop, clientHeight } = this.frame;
    this.#sight = height <= TALL ? { first: 0, last: Infinity } : {
      first: columns * Math.floor(scrollTop / rowHeight),
      last: columns * Math.ceil((scrollTop + clientHeight) / rowHeight),
    };
  }

  #showInput({ model, instance }) {
    const isImage = model.input.kind === "image";
    this.picture.hidden = !isImage || instance === null;
    if (isImage && instance !== null) drawPicture(this.picture, instance, model.input, { most: PICTURE_SIDE });
  }

  #showFacts(state) {
    const { answer, scales } = state;
    if (this.#layout === null) this.#place();
    this.#facts = layerFacts(state);
    const label = answer?.label ?? null;
    const changed = Object.keys(scales).length > 0;
    writeAttribute(this, "class", [answer ? "" : "waiting", changed ? "changed" : ""].join(" ").trim() || null);
    this.#nodes.forEach((node, index) => node.describe(this.#facts[index], label));
    this.#outdated = new Set(this.#nodes.keys());
    this.#draw();
    const end = shownWhatIf(state) ?? answer;
    writeText(this.label, end?.label ?? "?");
    writeAttribute(this.label, "title", end?.label ?? null);
    writeAttribute(this.label, "data-long", end?.label.length > SHORT_LABEL ? "" : null);
    this.#showWords(state);
    this.table.show(() => this.#facts.map(numbersOf));
  }

  #showWords({ model, answer }) {
    const count = model.layers.length;
    writeText(this.introduction, answer === null
      ? `Draw or choose an input, and its way through the ${count} layers appears here. Each layer replaces a part ` +
        "of what reaches it by computed values and passes on the rest; its gates decide how much."
      : "Each layer replaces a part of what reaches it by computed values and passes on the rest. The layer's gates " +
        "decide how much. A gate is a number from 0 to 1 for each unit of a layer: 0 passes the input on, 1 replaces " +
        "it by what the layer computes. Openness is their mean. Point at a layer to read it, click it to close it.");
    this.legend.show(model);
  }

  #showChosen({ layer, answer }) {
    if (this.#chosen.layer !== layer || this.#chosen.nodes !== this.#nodes) this.#markChosen(layer);
    this.#showReadout(this.#hovered ?? layer, answer);
  }

  #markChosen(layer) {
    this.#chosen = { layer, nodes: this.#nodes };
    const reached = this.#nodes[layer] === undefined ? 0 : layer;
    this.#nodes.forEach(({ node }, index) => {
      writeAttribute(node, "tabindex", index === reached ? 0 : -1);
      writeAttribute(node, "data-chosen", index === layer ? "" : null);
    });
  }

  #showReadout(index, answer) {
    const fact = this.#facts[index];
    const name = element("strong", {}, `${fact?.layer.name}:`);
    if (fact === undefined) fill(this.readout, "Point at a layer to read its numbers here.");
    else fill(this.readout, name, " ", layerReadout(fact, answer?.label ?? null, rowsOf(store.state.model)));
  }

  #listen() {
    const { drawing, signal } = this;
    const on = (type, listener) => drawing.addEventListener(type, listener, { signal });
    const indexOf = (event) => {
      const node = event.target.closest(".layer");
      return node === null ? null : Number(node.dataset.index);
    };
    const hover = (index) => {
      this.#hovered = index;
      this.#showReadout(index ?? store.state.layer, store.state.answer);
    };
    on("click", (event) => this.#toggle(indexOf(event)));
    on("focusin", (event) => {
      this.#hovered = null; // the keyboard moves on while the pointer rests
      store.update({ layer: indexOf(event) });
    });
    on("pointerover", (event) => event.pointerType === "mouse" && hover(indexOf(event)));
    on("pointerleave", () => hover(null));
    this.frame.addEventListener("scroll", () => {
      this.#look();
      this.#draw();
    }, { signal });
    on("keydown", (event) => this.#press(event, indexOf(event)));
  }

  #press(event, index) {
    if (event.ctrlKey || event.metaKey || event.altKey || index === null) return;
    const last = this.#nodes.length - 1;
    const columns = this.#layout.columns;
    const targets = {
      ArrowRight: index + 1, ArrowLeft: index - 1, ArrowDown: index + columns, ArrowUp: index - columns,
      Home: 0, End: last,
    };
    const target = targets[event.key];
    if (target === undefined && event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    if (target === undefined) this.#toggle(index);
    else this.#nodes[Math.min(last, Math.max(0, target))].node.focus();
  }

  #toggle(index) {
    if (index === null) return;
    const { scales, model } = store.state;
    store.update({ layer: index, scales: toggled(scales, model.layers[index].name) });
  }

  #observe() {
    let frame = 0; // the size must not change while it is observed
    const observer = new ResizeObserver(() => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(() => this.#resize());
    });
    observer.observe(this.frame);
    this.signal.addEventListener("abort", () => observer.disconnect());
  }

  #resize() {
    if (!this.#shown?.model || this.#layout?.panelWidth === this.frame.clientWidth) return;
    this.#place();
    if (this.#layout !== null) this.#showFacts(this.#shown);
  }

  /** Let the streams move for a moment. While the reader draws, they follow at once instead. */
  #move() {
    this.drawing.classList.add("moving");
    clearTimeout(this.#still);
    this.#still = setTimeout(() => this.drawing.classList.remove("moving"), MOVING_MS);
  }
}

/** Transformed values arise from the carried ones and are mixed with them again. */
function gradient() {
  const stops = [["0%", "from"], ["22%", "to"], ["78%", "to"], ["100%", "from"]];
  return svg("defs", {}, svg("linearGradient", { id: "bend" },
    ...stops.map(([offset, name]) => svg("stop", { offset, class: name }))));
}

function numbersOf(fact) {
  const { layer, gate, low, high, typicality, factor, whatIfGate } = fact;
  const numbers = [gate, low, high, typicality, factor, whatIfGate];
  return [layer.name, layer.kind, String(layer.width), ...numbers.map(digits)];
}

customElements.define("highway-view", HighwayView);
