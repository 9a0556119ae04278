// The fields of a table's columns, with what is usual for each.

import { element, fill } from "../elements.js";
import { CellError, isBoolean, readCell, textOf, unusualness, usualRange } from "./column-values.js";

const MISSING = "missing";
const NO_GAPS = "The training rows have no gaps here.";

/**
 * One column: its field, and what is said about its value.
 *
 * @typedef {Object} Field
 * @property {HTMLElement} node
 * @property {(value: import("./column-values.js").Value) => void} show
 * @property {(text: string) => void} showText also one that does not fit
 */

/**
 * @param {{column: import("../model.js").Column, index: number, values: number[],
 *   mayMiss: boolean, format: import("./column-values.js").TextFormat}} described values: usual ones
 * @param {(value: import("./column-values.js").Value|undefined, text: string) => void} onchange
 *   undefined for a text that does not fit the column
 * @returns {Field}
 */
export function tableField({ column, index, values, mayMiss, format }, onchange) {
  const id = `column-${index}`;
  const hint = element("span", { class: "hint", id: `${id}-hint` });
  const control = column.categories.length > 0 ? choice(id, column) : textField(id, column);
  const say = (value, error = null) => {
    const remark = error ?? remarkOn(value, column, values, mayMiss);
    fill(hint, remark.text);
    hint.className = `hint ${remark.kind}`;
    if (error === null) control.removeAttribute("aria-invalid");
    else control.setAttribute("aria-invalid", "true");
  };
  const read = () => {
    try {
      const value = control.tagName === "SELECT" ? chosen(control, column) : readCell(control.value, column, format);
      say(value);
      onchange(value, control.value);
    } catch (error) {
      if (!(error instanceof CellError)) throw error;
      say(null, { text: `${error.message}.`, kind: "failed" });
      onchange(undefined, control.value);
    }
  };
  control.addEventListener("input", read);
  const unit = column.unit && element("span", { class: "muted" }, ` (${column.unit})`);
  const label = element("label", { for: id }, breakable(column.name), unit);
  const node = element("div", { class: "field" }, label, control, hint);
  const show = (value) => {
    control.value = control.tagName === "SELECT" ? String(column.categories.indexOf(value)) : String(value ?? "");
    say(value);
  };
  return { node, show, showText: (text) => { control.value = text; read(); } };
}

/** A name that may be broken after underscores and the like. */
function breakable(name) {
  return name.split(/(?<=[_/.-])/).flatMap((part) => [part, element("wbr")]);
}

function textField(id, column) {
  return element("input", {
    id, type: "text", autocomplete: "off", "aria-describedby": `${id}-hint`,
    inputmode: column.date === null ? "decimal" : null, placeholder: column.date === null ? MISSING : "YYYY-MM-DD",
  });
}

function choice(id, column) {
  const option = (name, index) => element("option", { value: index }, shownName(name, column));
  const missing = element("option", { value: -1 }, MISSING);
  return element("select", { id, "aria-describedby": `${id}-hint` }, missing, column.categories.map(option));
}

function chosen(select, column) {
  return column.categories[Number(select.value)] ?? null;
}

function shownName(name, column) {
  if (isBoolean(column)) return name === "true" ? "yes" : "no";
  return name === "" ? "(empty text)" : name;
}

function remarkOn(value, column, values, mayMiss) {
  if (value === null) return mayMiss ? { text: "a gap", kind: "" } : { text: NO_GAPS, kind: "unusual" };
  const range = usualRange(column, values);
  const usual = range && (range.low === range.high ? range.low : `${range.low} to ${range.high}`);
  switch (unusualness(value, column, values)) {
    case "below": return { text: `▼ below the usual ${usual}`, kind: "unusual" };
    case "above": return { text: `▲ above the usual ${usual}`, kind: "unusual" };
    case "rare": return { text: `▲ rare: usually ${namesOf(column, values)}`, kind: "unusual" };
    default: return { text: usual === null ? "" : `usually ${usual}`, kind: "" };
  }
}

function namesOf(column, values) {
  const names = values.slice(0, 3).map((index) => shownName(textOf(index, column), column));
  return names.join(", ") + (values.length > 3 ? ", …" : "");
}
