// Where the reader draws, by mouse, finger, pen or keyboard. It knows strokes, not models.

import { element, fill } from "../elements.js";
import { STEPS } from "../packing.js";

const LEAST_STEP = 0.004; // between two points of a stroke, in units of the area
const KEY_STEP = 1 / 28;
const LARGE_STEPS = 4; // with Shift
const DIRECTIONS = {
  ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
  Home: [-1, -1], PageUp: [1, -1], End: [-1, 1], PageDown: [1, 1],
};
const HELP = "By keyboard: arrow keys move the pen. Space lowers or lifts it.";

/**
 * An area to draw on. Its events: `draw` with the stroke under way in `detail.stroke` and whether
 * it has just begun in `detail.begins`, at most once a frame; `undo`.
 */
class DrawingArea extends HTMLElement {
  #canvas;
  #hint;
  #pen = element("p", { class: "unseen", role: "status" });
  #connection;
  #shown = { strokes: [], pen: 0.08, colours: null, picture: null };
  #stroke = null;
  #pointer = null; // id of the one that draws
  #frame = null;
  #cursor = { x: 0.5, y: 0.25 };
  #keyboard = false; // whether the cursor is shown

  connectedCallback() {
    this.#connection = new AbortController();
    const { signal } = this.#connection;
    this.#canvas = element("canvas", {
      tabindex: 0, role: "application", "aria-label": "Drawing area", "aria-describedby": "drawing-help",
    });
    this.#hint = element("p", { class: "hint", "aria-hidden": "true" });
    const help = element("p", { class: "help", id: "drawing-help" }, HELP);
    fill(this, this.#canvas, this.#hint, help, this.#pen);
    for (const [type, listener] of Object.entries({
      pointerdown: this.#begin, pointermove: this.#move, pointerup: this.#end, pointercancel: this.#end,
      keydown: this.#press, blur: this.#leave, focus: this.#enter,
    })) {
      this.#canvas.addEventListener(type, listener.bind(this), { signal });
    }
    for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)"]) {
      matchMedia(query).addEventListener("change", () => this.#paint(), { signal });
    }
    const sizes = new ResizeObserver(() => this.#paint());
    sizes.observe(this.#canvas);
    signal.addEventListener("abort", () => sizes.disconnect());
  }

  disconnectedCallback() {
    this.#connection.abort();
    cancelAnimationFrame(this.#frame);
  }

  /**
   * Show strokes, or a picture of the model's size.
   *
   * @param {{strokes: import("../store.js").Stroke[], pen: number, colours: string[]|null,
   *   picture: ImageData|null, hint: string}} shown pen: its width in units of the area
   */
  show(shown) {
    this.#shown = shown;
    this.#hint.textContent = shown.hint;
    this.#paint();
  }

  #begin(event) {
    if (this.#pointer !== null || event.button !== 0) return;
    this.#pointer = event.pointerId;
    this.#canvas.setPointerCapture(event.pointerId);
    this.#keyboard = false;
    this.#stroke = [this.#pointOf(event)];
    this.#send(true);
  }

  #move(event) {
    if (event.pointerId !== this.#pointer) return;
    const events = event.getCoalescedEvents();
    for (const moved of events.length > 0 ? events : [event]) this.#add(this.#pointOf(moved));
    this.#frame ??= requestAnimationFrame(() => this.#flush());
  }

  #end(event) {
    if (event.pointerId !== this.#pointer) return;
    this.#pointer = null;
    this.#flush();
    this.#stroke = null;
  }

  #press(event) {
    if (event.key === "z" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      this.#lift();
      this.dispatchEvent(new CustomEvent("undo"));
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || this.#pointer !== null) return;
    const direction = DIRECTIONS[event.key];
    if (direction) this.#step(direction, event.shiftKey ? LARGE_STEPS : 1);
    else if (event.key === " ") this.#lowerOrLift();
    else if (event.key === "Escape" && this.#stroke !== null) this.#lift();
    else return;
    event.preventDefault();
    this.#keyboard = true;
    this.#paint();
  }

  #step(direction, steps) {
    const moved = (value, sign) => rounded(Math.min(1, Math.max(0, value + sign * steps * KEY_STEP)));
    this.#cursor = { x: moved(this.#cursor.x, direction[0]), y: moved(this.#cursor.y, direction[1]) };
    if (this.#stroke === null) return;
    this.#add(this.#cursor);
    this.#send(false);
  }

  #lowerOrLift() {
    if (this.#stroke !== null) {
      this.#lift();
      return;
    }
    this.#stroke = [this.#cursor];
    this.#pen.textContent = "Pen lowered";
    this.#send(true);
  }

  #lift() {
    if (this.#stroke !== null) this.#pen.textContent = "Pen lifted";
    this.#stroke = null;
  }

  #enter() {
    this.#keyboard = this.#canvas.matches(":focus-visible");
    this.#paint();
  }

  #leave() {
    if (this.#pointer === null) this.#lift();
    this.#keyboard = false;
    this.#paint();
  }

  #flush() {
    cancelAnimationFrame(this.#frame);
    this.#frame = null;
    if (this.#stroke !== null) this.#send(false);
  }

  #send(begins) {
    this.dispatchEvent(new CustomEvent("draw", { detail: { stroke: [...this.#stroke], begins } }));
  }

  #add(point) {
    const last = this.#stroke.at(-1);
    if (Math.hypot(point.x - last.x, point.y - last.y) >= LEAST_STEP) this.#stroke.push(point);
  }

  #pointOf({ clientX, clientY, pointerType, pressure }) {
    const box = this.#canvas.getBoundingClientRect();
    const [x, y] = [(clientX - box.left) / box.width, (clientY - box.top) / box.height].map(rounded);
    // Only pens measure the pressure; half of it is usual.
    return pointerType === "pen" && pressure > 0 ? { x, y, pressure: rounded(0.5 + pressure) } : { x, y };
  }

  #paint() {
    const canvas = this.#canvas;
    const { strokes, pen, colours, picture } = this.#shown;
    const onScreen = (side) => Math.round(side * devicePixelRatio);
    const [width, height] = [onScreen(canvas.clientWidth), onScreen(canvas.clientHeight)];
    if (width === 0 || height === 0) return;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d");
    const ink = getComputedStyle(canvas).color;
    context.clearRect(0, 0, width, height);
    if (picture !== null) paintPicture(context, picture);
    const side = Math.min(width, height);
    strokes.forEach((stroke, index) => paintStroke(context, stroke, colours?.[index] ?? ink, pen * side));
    if (this.#keyboard) paintCursor(context, this.#cursor, ink, this.#stroke === null);
  }
}

function paintPicture(context, picture) {
  const source = new OffscreenCanvas(picture.width, picture.height);
  source.getContext("2d").putImageData(picture, 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(source, 0, 0, context.canvas.width, context.canvas.height);
}

function paintStroke(context, stroke, colour, pen) {
  const { width, height } = context.canvas;
  Object.assign(context, { strokeStyle: colour, lineCap: "round", lineJoin: "round" });
  stroke.forEach((end, index) => {
    const from = stroke[Math.max(0, index - 1)];
    context.lineWidth = (pen * ((from.pressure ?? 1) + (end.pressure ?? 1))) / 2;
    context.beginPath();
    context.moveTo(from.x * width, from.y * height);
    context.lineTo(end.x * width, end.y * height);
    context.stroke();
  });
}

/** A cross where the keyboard's pen is; open in the middle while the pen is lifted. */
function paintCursor(context, cursor, colour, lifted) {
  const [x, y] = [cursor.x * context.canvas.width, cursor.y * context.canvas.height];
  const reach = 12 * devicePixelRatio;
  const gap = lifted ? 4 * devicePixelRatio : 0;
  for (const [line, stroke] of [[4, "Canvas"], [2, colour]]) {
    Object.assign(context, { lineWidth: line * devicePixelRatio, strokeStyle: stroke });
    context.beginPath();
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      context.moveTo(x + gap * dx, y + gap * dy);
      context.lineTo(x + reach * dx, y + reach * dy);
    }
    context.stroke();
  }
}

/** On the grid of links, so that a link draws the same pixels. */
function rounded(value) {
  return Math.round(value * STEPS) / STEPS;
}

customElements.define("drawing-area", DrawingArea);
