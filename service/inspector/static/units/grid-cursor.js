// A picture of cells that is read by pointer and keyboard: one cell at a time has a cursor.

import { element } from "../elements.js";

const STEPS = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
  PageUp: [-10, 0],
  PageDown: [10, 0],
  Home: [0, -Infinity],
  End: [0, Infinity],
};

/**
 * @typedef {{row: number, column: number}} Cell indices from 0
 *
 * @typedef {Object} Cells what the picture shows
 * @property {number} rows
 * @property {(row: number) => number} columns cells of a row
 * @property {(cell: Cell) => {left: number, top: number, width: number, height: number}} box
 * @property {(x: number, y: number) => Cell|null} at the cell at a point, in CSS pixels
 * @property {(cell: Cell) => string} name what a screen reader says of a cell
 */

/** The element, in `host`, and its cursor. To screen readers it is a grid that shows one cell. */
export class GridCursor {
  #cells = null;
  #cursor = null;
  #chosen = null;
  #looked = null;
  #onLook;
  #onChoose;

  /**
   * `onLook` gets the cell under the pointer or the keyboard's cursor, null when neither is there;
   * `onChoose` the one that is clicked, or on which Enter is pressed.
   */
  constructor({ label, canvas, onLook, onChoose = () => {} }) {
    this.#onLook = onLook;
    this.#onChoose = onChoose;
    canvas.setAttribute("aria-hidden", "true");
    this.row = element("div", { role: "row" });
    this.chosenMark = element("div", { class: "cell-mark chosen", "aria-hidden": "true", hidden: true });
    this.lookMark = element("div", { class: "cell-mark looked-at", "aria-hidden": "true", hidden: true });
    this.host = element(
      "div",
      {
        class: "cell-grid", role: "grid", tabindex: 0, "aria-label": label, "aria-readonly": "true",
        onkeydown: (event) => this.#press(event),
        onpointermove: (event) => this.#look(this.#cellOf(event)),
        onpointerleave: () => this.#look(this.#hasFocus() ? this.#cursor : null),
        onclick: (event) => this.#click(event),
        onfocus: () => this.#look(this.#cursor),
        onblur: () => this.#look(null),
      },
      canvas, this.chosenMark, this.lookMark, this.row,
    );
  }

  /** Show these cells, and mark the chosen one. @param {Cells} cells @param {Cell|null} chosen */
  show(cells, chosen) {
    this.#cells = cells;
    this.#chosen = chosen;
    this.host.setAttribute("aria-rowcount", cells.rows);
    mark(this.chosenMark, chosen && cells.box(chosen));
    const stays = this.#cursor !== null && this.#hasFocus() && this.#has(this.#cursor);
    this.#move(stays ? this.#cursor : chosen ?? { row: 0, column: 0 });
    if (!this.lookMark.hidden) this.#look(this.#looked !== null && this.#has(this.#looked) ? this.#looked : null);
  }

  #hasFocus() {
    return document.activeElement === this.host;
  }

  #has({ row, column }) {
    return row < this.#cells.rows && column < this.#cells.columns(row);
  }

  #cellOf({ clientX, clientY }) {
    const { left, top } = this.host.getBoundingClientRect();
    return this.#cells?.at(clientX - left, clientY - top) ?? null;
  }

  #look(cell) {
    this.#looked = cell;
    mark(this.lookMark, cell && this.#cells.box(cell));
    this.#onLook(cell);
  }

  #click(event) {
    const cell = this.#cellOf(event);
    if (cell === null) return;
    this.#move(cell);
    this.#onChoose(cell);
  }

  #press(event) {
    if (this.#cells === null || event.altKey || event.metaKey) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.#onChoose(this.#cursor);
      return;
    }
    const step = STEPS[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const row = within(this.#cursor.row + step[0], this.#cells.rows);
    const column = within(this.#cursor.column + step[1], this.#cells.columns(row));
    this.#move({ row, column });
    this.#look(this.#cursor);
    this.row.firstChild.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  // A cell of its own for each place: only a new active descendant is read out.
  #move(cell) {
    this.#cursor = cell;
    const id = `${this.host.getAttribute("aria-label").replace(/\W+/g, "-")}-${cell.row}-${cell.column}`;
    const name = this.#cells.name(cell);
    const chosen = this.#chosen?.row === cell.row && this.#chosen?.column === cell.column;
    let node = this.row.firstChild;
    if (node?.id !== id) {
      node = element("div", { role: "gridcell", class: "cell-cursor", id });
      this.row.replaceChildren(node);
      this.host.setAttribute("aria-activedescendant", id);
    }
    this.row.setAttribute("aria-rowindex", cell.row + 1);
    node.setAttribute("aria-colindex", cell.column + 1);
    node.setAttribute("aria-label", name);
    node.setAttribute("aria-selected", String(chosen));
    place(node, this.#cells.box(cell));
  }
}

function within(index, count) {
  return Math.min(count - 1, Math.max(0, index));
}

function mark(node, box) {
  node.hidden = box === null;
  if (box !== null) place(node, box);
}

function place(node, box) {
  for (const [side, size] of Object.entries(box)) node.style.setProperty(`--${side}`, `${size}px`);
}
