// The input of an image model: a drawing, an example or a picture.

import { element, fill } from "../elements.js";
import { isDigitModel } from "../model.js";
import { Panel } from "../panel.js";
import { loadPart } from "../parts.js";
import { screenPixels } from "../picture.js";
import { store } from "../store.js";
import { INK, sizeOf } from "./drawing.js";
import "./drawing-area.js";
import { exampleButtons } from "./example-buttons.js";
import "./input-preview.js";
import { instanceOfInput } from "./instances.js";
import { hasLightPaper, hasMargins, scaled } from "./pictures.js";

/** @typedef {import("../store.js").Input} Input */

const PENS = { thin: 0.05, medium: 0.08, thick: 0.12 }; // in units of the drawing area's side
const COLOURS = {
  black: INK, grey: "#8a8a8a", red: "#c8281e", orange: "#e98a15", yellow: "#f2d12e", green: "#2f8a3c",
  blue: "#2460b8", brown: "#7a4a24",
};
const MAX_HISTORY = 100;

class ImageInput extends Panel {
  static follows = ["input"];

  #input = null; // the one that is shown
  #history = []; // inputs before it
  #sources = new WeakMap(); // of an input from a file: its pixels and how they are read
  #pen = PENS.medium;
  #colour = INK;
  #centred = isDigitModel(store.state.model);

  #area = element("drawing-area");
  #preview = element("input-preview");
  #message = element("p", { class: "message", role: "status" });
  #undo = element("button", { type: "button", onclick: () => this.#goBack() }, "Undo");
  #clear = element("button", { type: "button", onclick: () => this.#change(null) }, "Clear");
  #centre = this.#checkbox((centred) => this.#setCentred(centred));
  #finished = element("p", { class: "muted finished" }, "Pixels of a link or a past request stay as they are.");
  #invert = this.#checkbox((inverted) => this.#readAgain({ inverted }));
  #invertLabel = element("label", { class: "choice" }, this.#invert, "Swap dark and light");

  /** Another one of the same inputs may take its place. */
  get #model() {
    return store.state.model;
  }

  build() {
    const { width, height, channels } = sizeOf(this.#model.input);
    const digits = isDigitModel(this.#model);
    const pictures = element("picture-source");
    loadPart(() => import("./picture-source.js")); // drawing is possible without it
    this.#area.style.setProperty("--aspect", String(width / height));
    this.#area.classList.toggle("coloured", channels > 1);
    this.#area.addEventListener("draw", ({ detail }) => this.#draw(detail));
    this.#area.addEventListener("undo", () => this.#goBack());
    pictures.addEventListener("picture", ({ detail }) => this.#read(detail));
    pictures.addEventListener("failure", ({ detail }) => this.#say(detail.text, true));
    fill(
      this,
      element("h2", {}, digits ? "Draw a digit" : "Draw a picture"),
      element("div", { class: "drawing" }, this.#area, element("div", { class: "tools" },
        this.#undo, this.#clear, this.#choices("Pen", PENS, this.#pen, (pen) => this.#setPen(pen))),
        channels > 1 && this.#choices("Colour", COLOURS, this.#colour, (colour) => { this.#colour = colour; })),
      element("div", { class: "seen" }, this.#preview, element("div", { class: "options" },
        channels === 1 && element("label", { class: "choice" }, this.#centre, "Centre like the training pictures"),
        this.#finished, this.#invertLabel)),
      digits && exampleButtons((strokes) => this.#choose(strokes)),
      pictures,
      this.#message, // last: what is above stays in its place when it appears
    );
  }

  /** Show an input; one that others set becomes the newest of the history. */
  render({ input }) {
    if (input !== this.#input) {
      this.#remember();
      this.#adopt(input);
    }
    const { instance } = store.state;
    const isDrawing = input?.kind === "strokes";
    this.#area.show({
      strokes: isDrawing ? input.strokes : [],
      colours: this.#coloursOf(input),
      pen: isDrawing ? input.pen : this.#pen,
      picture: input?.kind === "pixels" ? this.#screenOf(input.pixels) : null,
      hint: input === null ? this.querySelector("h2").textContent : "",
    });
    this.#preview.show(instance, this.#model.input);
    const source = this.#sources.get(input);
    this.#undo.disabled = this.#history.length === 0;
    this.#clear.disabled = input === null;
    this.#centre.checked = source?.centred ?? this.#centred;
    const finished = input?.kind === "pixels" && source === undefined;
    this.#centre.disabled = finished;
    this.#finished.hidden = !finished;
    this.#invertLabel.hidden = source === undefined;
    this.#invert.checked = source?.inverted ?? false;
  }

  #adopt(input) {
    this.#input = input;
    this.#say("");
    if (input?.kind === "strokes") {
      this.#pen = input.pen;
      this.#centred = input.centred;
      for (const radio of this.querySelectorAll("[name=pen]")) radio.checked = Number(radio.value) === input.pen;
    }
    if (store.state.instance === null) store.update({ instance: instanceOfInput(input, this.#model) });
  }

  /** Replace the input by one of the reader's, who can undo it. */
  #change(input, { undoable = true } = {}) {
    if (undoable) this.#remember();
    this.#input = input;
    this.#say("");
    store.update({ input, instance: instanceOfInput(input, this.#model) });
  }

  #remember() {
    this.#history.push(this.#input);
    if (this.#history.length > MAX_HISTORY) this.#history.shift();
  }

  #goBack() {
    if (this.#history.length > 0) this.#change(this.#history.pop(), { undoable: false });
  }

  #draw({ stroke, begins }) {
    const before = this.#input?.kind === "strokes" ? this.#input : { strokes: [], colours: [] };
    const kept = begins ? before.strokes : before.strokes.slice(0, -1);
    this.#change(this.#drawing([...kept, stroke], this.#coloursAfter(before, kept.length)), { undoable: begins });
  }

  #choose(strokes) {
    this.#change(this.#drawing(strokes, undefined));
  }

  /** @returns {Input} */
  #drawing(strokes, colours) {
    const drawing = { kind: "strokes", strokes, pen: this.#pen, centred: this.#centred };
    return colours === undefined ? drawing : { ...drawing, colours };
  }

  #coloursAfter({ colours = [] }, kept) {
    return sizeOf(this.#model.input).channels > 1 ? [...colours.slice(0, kept), this.#colour] : undefined;
  }

  #coloursOf(input) {
    if (sizeOf(this.#model.input).channels === 1) return null;
    return (input?.strokes ?? []).map((_, index) => input.colours?.[index] ?? INK);
  }

  #setPen(pen) {
    this.#pen = pen;
    if (this.#input?.kind === "strokes") this.#change({ ...this.#input, pen });
  }

  #setCentred(centred) {
    if (this.#sources.has(this.#input)) {
      this.#readAgain({ centred });
      return;
    }
    this.#centred = centred;
    if (this.#input !== null) this.#change({ ...this.#input, centred });
  }

  #read({ pixels, name }) {
    const { width, height } = sizeOf(this.#model.input);
    const exact = pixels.from.width === width && pixels.from.height === height;
    const centred = this.#centred && !exact;
    const inverted = centred && hasLightPaper(pixels);
    this.#show({ pixels, name, centred, inverted });
    const from = `The picture has ${pixels.from.width} × ${pixels.from.height} pixels; it was `;
    this.#say(
      from + (exact ? "sent as it is." : `scaled to ${width} × ${height}.`) +
      (inverted ? " It is dark on light, so dark and light were swapped, as the training pictures have it." : "") +
      this.#margins(),
    );
  }

  #readAgain(choices) {
    this.#show({ ...this.#sources.get(this.#input), ...choices });
    this.#say(this.#margins().trim());
  }

  /** A sentence about the margins of the picture from a file, if it has some. */
  #margins() {
    const { pixels, centred } = this.#sources.get(this.#input);
    return !centred && hasMargins(pixels, this.#model.input)
      ? " Its proportions were kept; the margins have the mean colour of its border."
      : "";
  }

  #show(source) {
    const input = { kind: "pixels", pixels: scaled(source.pixels, this.#model.input, source), name: source.name };
    this.#sources.set(input, source);
    this.#change(input);
  }

  #screenOf(pixels) {
    return new ImageData(screenPixels(pixels, this.#model.input), pixels[0].length);
  }

  #say(text, failed = false) {
    this.#message.textContent = text;
    this.#message.classList.toggle("failed", failed);
  }

  #checkbox(onchange) {
    const box = element("input", { type: "checkbox", onchange: () => onchange(box.checked) });
    return box;
  }

  /** A group of radio buttons that look like what they choose. */
  #choices(title, values, chosen, onchoose) {
    const name = title.toLowerCase();
    return element("fieldset", { class: name }, element("legend", { class: "unseen" }, title),
      Object.entries(values).map(([label, value]) => element("label", { class: label, title: label },
        element("input", { type: "radio", name, value, checked: value === chosen, onchange: () => onchoose(value) }),
        element("span", { class: "unseen" }, label))));
  }
}

customElements.define("image-input", ImageInput);
