// Any JSON value as elements: artifacts may have members that this page does not know.

import { element } from "../elements.js";
import { dataTable, scrollBox } from "../tables.js";
import { capital } from "../words.js";
import { factList, folded } from "./cards.js";
import { fullTime } from "./times.js";

const SHORT = 12; // items of a list that is not folded
const GROUPED = 10_000; // from here on, integers have separators
const DIGITS = 4; // of a fraction
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}/;

/** A name of the API as words: "test_rows" is "test rows". */
export function words(name) {
  return name.replaceAll("_", " ");
}

/** @param {*} value JSON or a node; @param {string} name of the member, for the heading of what is folded */
export function valueNode(value, name) {
  if (value instanceof Node) return value;
  if (Array.isArray(value)) return listNode(value, name);
  if (value !== null && typeof value === "object") return objectNode(value, name);
  return scalar(value);
}

/** Members of an object as a list of names and values; `skipped` are left out. */
export function facts(object, skipped = []) {
  const shown = Object.entries(object).filter(([name]) => !skipped.includes(name));
  return factList(shown.map(([name, value]) => [capital(words(name)), valueNode(value, words(name))]));
}

function scalar(value) {
  if (value === null) return element("span", { class: "muted" }, "none");
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number") return numberNode(value);
  return TIME.test(value) ? element("time", { datetime: value, title: value }, fullTime(value)) : String(value);
}

/** A number as people read it; its title has all digits. */
function numberNode(value) {
  const short = Number.isInteger(value) ? grouped(value) : rounded(value);
  return short === String(value) ? short : element("span", { title: String(value) }, short);
}

function grouped(value) {
  return Math.abs(value) < GROUPED ? String(value) : value.toLocaleString("en");
}

function rounded(value) {
  const size = Math.abs(value);
  return size < 0.0001 ? value.toExponential(2) : String(Number(value.toPrecision(size < 1 ? DIGITS : 6)));
}

function objectNode(value, name) {
  const size = Object.keys(value).length;
  if (size === 0) return element("span", { class: "muted" }, "none");
  return folded(summary(`${size} ${size === 1 ? "value" : "values"}`, name), facts(value));
}

function listNode(value, name) {
  if (value.length === 0) return element("span", { class: "muted" }, "none");
  const objects = value.every((item) => item !== null && typeof item === "object" && !Array.isArray(item));
  const count = `${value.length} ${value.length === 1 ? "entry" : "entries"}`;
  if (objects) return folded(summary(count, name), objectTable(value, name));
  const text = value
    .map((item) => (item !== null && typeof item === "object" ? JSON.stringify(item) : String(item)))
    .join(", ");
  return value.length <= SHORT && text.length <= 200 ? text : folded(summary(count, name), element("p", {}, text));
}

/** Objects as rows of a table, with a column for each member of any of them. */
export function objectTable(objects, name) {
  const members = [...new Set(objects.flatMap(Object.keys))];
  const cell = (object, member) => (Object.hasOwn(object, member) ? valueNode(object[member], name) : "");
  const rows = objects.map((object) => members.map((member) => cell(object, member)));
  const columns = members.map((member) => capital(words(member)));
  const table = dataTable(name, columns, rows, { hidden: ["caption"] });
  members.forEach((member, index) => {
    if (isNumeric(objects.map((object) => object[member]))) markNumbers(table, index);
  });
  return scrollBox(name, table);
}

/** Whether all values are numbers; a dash stands for none. */
function isNumeric(values) {
  return values.every((value) => typeof value === "number" || value === "–");
}

function markNumbers(table, index) {
  for (const line of table.rows) line.cells[index].classList.add("number");
}

function summary(title, name) {
  return [title, element("span", { class: "unseen" }, ` of ${name}`)];
}
