// The drawing of one layer: its two streams, its gauge, and the button that closes it.

import { writeAttribute, writeText } from "../attributes.js";
import { svg } from "../elements.js";
import { openness } from "../numbers.js";
import { gaugePlace } from "./gauge.js";
import { bendPath, carriedPath, footLines, titleTop, usualPath } from "./road.js";
import { layerName } from "./words.js";

const GAUGE_MARGIN = 7;
const GAUGE_MAX = 108;
const GAUGE_HEIGHT = 10;
const DOT = "M0-5a5 5 0 1 0 .01 0Z";
const LEFT = "M-6 0L4-6V6Z";
const RIGHT = "M6 0L-4-6V6Z";
const DIAMOND = "M0-5.5L5.5 0L0 5.5L-5.5 0Z";
const MARKS = { above: "▲ above", below: "▼ below", unusual: "unusual" };
const STRONG_MARKS = { below: "▼ unusual", above: "▲ unusual", unusual: "unusual" };
const SHORT_MARKS = { above: "above", below: "below", unusual: "rare" }; // the gauge has the shapes

export class LayerNode {
  #layout;
  #usual = null; // low and high of the path that is drawn
  #parts;

  constructor(index, layer) {
    const part = (tag, name, attributes = {}) => svg(tag, { class: name, ...attributes });
    this.#parts = {
      hit: part("rect", "hit", { rx: 4 }),
      title: part("text", "title"),
      ghost: part("path", "ghost"),
      carried: part("path", "carried moves"),
      bend: part("path", "bend moves", { fill: "url(#bend)" }),
      usual: part("path", "usual"),
      openness: part("text", "openness"),
      scale: part("rect", "scale", { rx: 2, height: 4 }),
      band: part("rect", "band", { height: GAUGE_HEIGHT, rx: 1.5 }),
      dot: part("path", "dot"),
      whatIf: part("path", "what-if-dot", { d: DIAMOND }),
      mark: part("text", "mark"),
    };
    this.node = svg(
      "g",
      { class: "layer", role: "button", "data-index": index, tabindex: -1 },
      ...Object.values(this.#parts),
    );
    this.layer = layer;
  }

  /** Put the layer where the layout has it; `show` has to follow. */
  place(layout, { x, y }) {
    this.#layout = layout;
    this.#usual = null;
    const { hit, title, openness: value, scale, band, mark } = this.#parts;
    const middle = layout.cell / 2;
    const lines = footLines(layout);
    const top = titleTop(layout);
    const gauge = gaugeWidth(layout);
    writeAttribute(this.node, "transform", `translate(${x} ${y})`);
    rectangle(hit, 1, top, layout.cell - 2, lines.mark + 6 - top);
    for (const [text, line] of [[title, top + 15], [value, lines.openness], [mark, lines.mark]]) {
      writeAttribute(text, "x", middle);
      writeAttribute(text, "y", line);
    }
    rectangle(scale, middle - gauge / 2, lines.gauge - 2, gauge, 4);
    rectangle(band, middle - gauge / 6, lines.gauge - GAUGE_HEIGHT / 2, gauge / 3, GAUGE_HEIGHT);
  }

  /**
   * Name the button by all that is known of the layer.
   * @param {import("./facts.js").LayerFact} fact
   * @param {string|null} label of the answer
   */
  describe(fact, label) {
    writeAttribute(this.node, "aria-pressed", fact.factor === 0);
    writeAttribute(this.node, "aria-label", layerName(fact, label));
  }

  /** Draw what is known of the layer. */
  show(fact) {
    const { bend, carried, ghost } = this.#parts;
    writeAttribute(bend, "d", bendPath(this.#layout, fact.share));
    writeAttribute(carried, "d", carriedPath(this.#layout, fact.share));
    const { originalShare } = fact;
    writeAttribute(ghost, "d", originalShare === null ? null : bendPath(this.#layout, originalShare));
    this.#showUsual(fact);
    this.#showGauge(fact);
    this.#showWords(fact);
    writeAttribute(this.node, "class", classOf(fact));
  }

  #showUsual({ low, high }) {
    if (this.#usual !== null && this.#usual[0] === low && this.#usual[1] === high) return;
    this.#usual = [low, high];
    const { usual, scale, band } = this.#parts;
    writeAttribute(usual, "d", low === null ? null : usualPath(this.#layout, low, high));
    for (const part of [scale, band]) writeAttribute(part, "display", low === null ? "none" : null);
  }

  #showGauge({ gate, whatIfGate, low, high, deviation }) {
    const { dot, whatIf } = this.#parts;
    const shapes = { above: RIGHT, below: LEFT };
    writeAttribute(dot, "d", shapes[deviation.kind] ?? DOT);
    this.#move(dot, low === null ? null : gaugePlace(gate, low, high));
    this.#move(whatIf, low === null || whatIfGate === null ? null : gaugePlace(whatIfGate, low, high));
  }

  #move(mark, place) {
    writeAttribute(mark, "display", place === null ? "none" : null);
    if (place === null) return;
    const x = this.#layout.cell / 2 + (place - 0.5) * gaugeWidth(this.#layout);
    writeAttribute(mark, "transform", `translate(${x.toFixed(1)} ${footLines(this.#layout).gauge})`);
  }

  #showWords(fact) {
    const { title, openness: value, mark } = this.#parts;
    const { wide } = this.#layout;
    const sign = fact.decides ? "◆" : fact.inSet ? "◇" : "";
    const words = fact.decides && wide ? "decides" : "";
    writeText(title, [sign, fact.layer.number, words].filter((word) => word !== "").join(" "));
    writeText(value, opennessText(fact, wide));
    writeText(mark, marksOf(wide, fact.deviation)[fact.deviation.kind] ?? "");
  }
}

function marksOf(wide, { strong }) {
  if (!wide) return SHORT_MARKS;
  return strong ? STRONG_MARKS : MARKS;
}

function gaugeWidth({ cell }) {
  return Math.min(GAUGE_MAX, cell - 2 * GAUGE_MARGIN);
}

function rectangle(node, x, y, width, height) {
  for (const [name, value] of Object.entries({ x, y, width, height })) writeAttribute(node, name, value);
}

function opennessText({ gate, whatIfGate, factor }, wide) {
  if (factor === 0) return "closed";
  const shown = whatIfGate ?? gate;
  if (factor === 1) return shown === null ? "" : openness(shown);
  return wide && shown !== null ? `${openness(shown)} × ${factor}` : `× ${factor}`;
}

function classOf({ factor, deviation, decides, inSet }) {
  const classes = ["layer"];
  if (deviation.strong && deviation.kind !== "usual") classes.push("strong");
  if (factor !== 1) classes.push(factor === 0 ? "closed" : "scaled");
  if (decides || inSet) classes.push("decisive");
  return classes.join(" ");
}
